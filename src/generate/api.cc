#include "generate/api.h"

#include <algorithm>
#include <array>

namespace trailwarden::generate {
namespace {

// Column by column as in `Api`.
constexpr bool kRead = true, kWrite = false;
using enum Rhythm;
using enum Callers;
using enum Failure;

// clang-format off
constexpr auto kCatalogue = std::to_array<Api>({
    // The busiest first: rates fall with the place. The first four carry most of the calls.
    {"ssm", "UpdateInstanceInformation", kWrite, kFlat, kInstances, 1, 0.001, kThrottling, R"({"instanceId":"$i","agentVersion":"3.2.2303.0","agentStatus":"Active","platformType":"Linux","platformName":"Amazon Linux","platformVersion":"2023","iPAddress":"10.0.$m.$m","computerName":"ip-10-0-$m-$m.ec2.internal","agentName":"amazon-ssm-agent"})"},
    {"logs", "CreateLogStream", kWrite, kFlat, kApps, 1, 0.003, kConflict, R"({"logGroupName":"$l","logStreamName":"2026/[$$LATEST]$x$x"})"},
    {"kms", "Decrypt", kRead, kMixed, kApps, 1.5, 0.002, kAccessDenied, R"({"encryptionContext":{"aws:lambda:FunctionArn":"arn:aws:lambda:$R:$A:function:$f"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT","keyId":"arn:aws:kms:$R:$A:key/$k"})"},
    {"sts", "AssumeRole", kRead, kMixed, kService, 1.3, 0.001, kAccessDenied, R"({"roleArn":"arn:aws:iam::$A:role/$r","roleSessionName":"$f"})", R"({"credentials":{"accessKeyId":"ASIA$Y","sessionToken":"$B$B","expiration":"$X"},"assumedRoleUser":{"assumedRoleId":"AROA$Y:$f","arn":"arn:aws:sts::$A:assumed-role/$r/$f"}})", "lambda"},
    {"ec2", "DescribeInstances", kRead, kMixed, kMonitors, 2, 0.005, kRequestLimit, R"({"instancesSet":{"items":[{"instanceId":"$i"}]},"filterSet":{}})"},
    {"s3", "GetBucketAcl", kRead, kFiveMinutes, kService, 1, 0, kAccessDenied, R"({"bucketName":"acme-trail-$A","Host":"acme-trail-$A.s3.$R.amazonaws.com","acl":""})", "", "cloudtrail"},
    {"kms", "GenerateDataKey", kRead, kMixed, kApps, 1.5, 0.002, kAccessDenied, R"({"keySpec":"AES_256","encryptionContext":{"aws:s3:arn":"arn:aws:s3:::$b"},"keyId":"arn:aws:kms:$R:$A:key/$k"})"},
    {"elasticloadbalancing", "DescribeTargetHealth", kRead, kFlat, kMonitors, 3, 0.01, kThrottling, R"({"targetGroupArn":"arn:aws:elasticloadbalancing:$R:$A:targetgroup/$o/$x$x"})"},
    {"autoscaling", "CompleteLifecycleAction", kWrite, kMixed, kInstances, 1, 0.02, kValidation, R"({"autoScalingGroupName":"$a","lifecycleHookName":"launch","lifecycleActionResult":"CONTINUE","instanceId":"$i"})"},
    {"secretsmanager", "GetSecretValue", kRead, kFlat, kApps, 1, 0.004, kAccessDeniedException, R"({"secretId":"arn:aws:secretsmanager:$R:$A:secret:$o/db-$x"})"},
    {"monitoring", "DescribeAlarms", kRead, kFlat, kMonitors, 2, 0.003, kThrottling, R"({"alarmNames":["$w"]})"},
    {"ecs", "SubmitTaskStateChange", kWrite, kMixed, kInstances, 1.5, 0.001, kThrottling, R"({"cluster":"$c","task":"$U","status":"RUNNING"})", R"({"acknowledgment":""})"},
    {"ecr", "GetAuthorizationToken", kRead, kMixed, kInstances, 1, 0.001, kThrottling, ""},
    {"sts", "GetCallerIdentity", kRead, kOffice, kAutomation, 1.5, 0.001, kAccessDenied, ""},
    {"ecr", "BatchGetImage", kRead, kMixed, kInstances, 2, 0.003, kNotFound, R"({"registryId":"$A","repositoryName":"$o","imageIds":[{"imageTag":"release-$m"}]})"},
    {"ec2", "DescribeVolumes", kRead, kFlat, kMonitors, 2, 0.005, kRequestLimit, R"({"volumeSet":{},"filterSet":{},"maxResults":500})"},
    {"autoscaling", "DescribeAutoScalingGroups", kRead, kFlat, kMonitors, 1.5, 0.008, kThrottling, R"({"autoScalingGroupNames":["$a"]})"},
    {"cloudformation", "DescribeStacks", kRead, kOffice, kAutomation, 4, 0.02, kValidation, R"({"stackName":"$o"})"},
    {"dynamodb", "DescribeTable", kRead, kMixed, kApps, 1.5, 0.01, kNotFound, R"({"tableName":"$d"})"},
    {"ec2", "DescribeNetworkInterfaces", kRead, kFlat, kMonitors, 2, 0.003, kRequestLimit, R"({"networkInterfaceIdSet":{},"filterSet":{"items":[{"name":"vpc-id","valueSet":{"items":[{"value":"vpc-$x"}]}}]}})"},
    {"ssm", "ListInstanceAssociations", kRead, kFlat, kInstances, 1, 0.001, kThrottling, R"({"instanceId":"$i","maxResults":20})"},
    {"elasticloadbalancing", "RegisterTargets", kWrite, kMixed, kService, 2, 0.002, kNotFound, R"({"targetGroupArn":"arn:aws:elasticloadbalancing:$R:$A:targetgroup/$o/$x$x","targets":[{"id":"10.0.$m.$m","port":8080}]})", "", "ecs"},
    {"ecs", "DescribeServices", kRead, kMixed, kAutomation, 3, 0.005, kNotFound, R"({"cluster":"$c","services":["$o"]})"},
    {"rds", "DescribeDBInstances", kRead, kFlat, kMonitors, 2, 0.005, kThrottling, R"({"dBInstanceIdentifier":"$o"})"},
    {"tagging", "GetResources", kRead, kFiveMinutes, kMonitors, 4, 0.02, kThrottling, R"({"resourcesPerPage":100,"resourceTypeFilters":["ec2:instance"]})"},
    {"ssm", "GetParameter", kRead, kMixed, kApps, 2, 0.01, kNotFound, R"({"name":"/$o/config","withDecryption":true})"},
    {"elasticloadbalancing", "DeregisterTargets", kWrite, kMixed, kService, 2, 0.002, kNotFound, R"({"targetGroupArn":"arn:aws:elasticloadbalancing:$R:$A:targetgroup/$o/$x$x","targets":[{"id":"10.0.$m.$m","port":8080}]})", "", "ecs"},
    {"ssm", "PutComplianceItems", kWrite, kHourly, kInstances, 1, 0.005, kThrottling, R"({"resourceId":"$i","resourceType":"ManagedInstance","complianceType":"Association","executionSummary":{"executionTime":"$T"}})"},
    {"iam", "GetRole", kRead, kOffice, kAutomation, 4, 0.06, kNoSuchEntity, R"({"roleName":"$r"})"},
    {"ec2", "CreateTags", kWrite, kMixed, kAutomation, 2, 0.003, kUnauthorizedOperation, R"({"resourcesSet":{"items":[{"resourceId":"$i"}]},"tagSet":{"items":[{"key":"team","value":"$o"}]}})", R"({"requestId":"$U","_return":true})"},
    {"ec2", "CreateNetworkInterface", kWrite, kMixed, kService, 1.5, 0.004, kLimit, R"({"subnetId":"subnet-$x","description":"AWS Lambda VPC ENI-$f-$U","groupSet":{"items":[{"groupId":"$g"}]}})", R"({"networkInterface":{"networkInterfaceId":"$e","subnetId":"subnet-$x","status":"pending"}})", "lambda"},
    {"ec2", "DeleteNetworkInterface", kWrite, kMixed, kService, 1.5, 0.03, kNotFoundInstance, R"({"networkInterfaceId":"$e"})", R"({"requestId":"$U","_return":true})", "lambda"},
    {"logs", "DescribeLogGroups", kRead, kMixed, kMonitors, 2, 0.004, kThrottling, R"({"logGroupNamePrefix":"/aws/lambda/","limit":50})"},
    {"lambda", "ListFunctions20150331", kRead, kMixed, kMonitors, 2, 0.01, kThrottling, R"({"maxItems":50})"},
    {"lambda", "GetFunction20150331v2", kRead, kOffice, kAutomation, 3, 0.02, kNotFound, R"({"functionName":"$f"})"},
    {"sqs", "GetQueueAttributes", kRead, kFlat, kMonitors, 2, 0.003, kAccessDenied, R"({"queueUrl":"https://sqs.$R.amazonaws.com/$A/$q","attributeNames":["ApproximateNumberOfMessages"]})"},
    {"iam", "ListRolePolicies", kRead, kOffice, kAutomation, 3, 0.01, kNoSuchEntity, R"({"roleName":"$r"})"},
    {"iam", "ListAttachedRolePolicies", kRead, kOffice, kAutomation, 3, 0.01, kNoSuchEntity, R"({"roleName":"$r"})"},
    {"ecs", "RegisterTaskDefinition", kWrite, kOffice, kAutomation, 1.5, 0.02, kValidation, R"({"family":"$o","cpu":"512","memory":"1024","networkMode":"awsvpc","executionRoleArn":"arn:aws:iam::$A:role/$r"})", R"({"taskDefinition":{"taskDefinitionArn":"arn:aws:ecs:$R:$A:task-definition/$o:$m","status":"ACTIVE"}})"},
    {"ecs", "UpdateService", kWrite, kOffice, kAutomation, 1.5, 0.02, kNotFound, R"({"cluster":"$c","service":"$o","taskDefinition":"$o:$m","desiredCount":4})"},
    {"monitoring", "PutMetricAlarm", kWrite, kMixed, kService, 2, 0.002, kValidation, R"({"alarmName":"$w","metricName":"CPUUtilization","namespace":"AWS/ECS","threshold":75.0,"period":60,"evaluationPeriods":3,"comparisonOperator":"GreaterThanThreshold"})", "", "autoscaling"},
    {"ec2", "RunInstances", kWrite, kMixed, kService, 1.5, 0.01, kLimit, R"({"instancesSet":{"items":[{"imageId":"ami-0$x$x","minCount":1,"maxCount":1}]},"instanceType":"m6i.large","launchTemplate":{"launchTemplateId":"lt-0$x$x","version":"$m"}})", R"({"requestId":"$U","reservationId":"r-0$x$x","ownerId":"$A","instancesSet":{"items":[{"instanceId":"$i","instanceType":"m6i.large","currentState":{"code":0,"name":"pending"}}]}})", "autoscaling"},
    {"ec2", "TerminateInstances", kWrite, kMixed, kService, 1.5, 0.003, kNotFoundInstance, R"({"instancesSet":{"items":[{"instanceId":"$i"}]}})", R"({"requestId":"$U","instancesSet":{"items":[{"instanceId":"$i","currentState":{"code":32,"name":"shutting-down"},"previousState":{"code":16,"name":"running"}}]}})", "autoscaling"},
    {"lambda", "UpdateFunctionCode20150331v2", kWrite, kOffice, kAutomation, 1.5, 0.01, kConflict, R"({"functionName":"$f","s3Bucket":"$b","s3Key":"build/$x.zip","publish":false,"dryRun":false})", R"({"functionName":"$f","functionArn":"arn:aws:lambda:$R:$A:function:$f","runtime":"python3.12","codeSize":1048576,"lastUpdateStatus":"InProgress"})"},
    {"ec2", "DescribeSecurityGroups", kRead, kOffice, kAutomation, 2, 0.005, kUnauthorizedOperation, R"({"securityGroupSet":{},"securityGroupIdSet":{"items":[{"groupId":"$g"}]},"filterSet":{}})"},
    {"ec2", "DescribeSubnets", kRead, kOffice, kAutomation, 2, 0.002, kUnauthorizedOperation, R"({"subnetSet":{},"filterSet":{}})"},
    {"ec2", "DescribeVpcs", kRead, kOffice, kAutomation, 2, 0.002, kUnauthorizedOperation, R"({"vpcSet":{},"filterSet":{}})"},
    {"dynamodb", "DescribeContinuousBackups", kRead, kDaily, kMonitors, 3, 0.01, kAccessDenied, R"({"tableName":"$d"})"},
    {"eks", "DescribeCluster", kRead, kOffice, kAutomation, 2, 0.01, kNotFound, R"({"name":"$c"})"},
    {"s3", "GetBucketLocation", kRead, kOffice, kMonitors, 2, 0.02, kAccessDenied, R"({"bucketName":"$b","Host":"$b.s3.$R.amazonaws.com","location":""})"},
    {"s3", "ListBuckets", kRead, kMixed, kMonitors, 1, 0.01, kAccessDenied, R"({"Host":"s3.$R.amazonaws.com"})"},
    {"s3", "GetBucketPolicy", kRead, kDaily, kMonitors, 8, 0.3, kNoSuchPolicy, R"({"bucketName":"$b","Host":"$b.s3.$R.amazonaws.com","policy":""})"},
    {"s3", "GetBucketEncryption", kRead, kDaily, kMonitors, 8, 0.02, kAccessDenied, R"({"bucketName":"$b","Host":"$b.s3.$R.amazonaws.com","encryption":""})"},
    {"s3", "GetBucketPublicAccessBlock", kRead, kDaily, kMonitors, 8, 0.05, kAccessDenied, R"({"bucketName":"$b","Host":"$b.s3.$R.amazonaws.com","publicAccessBlock":""})"},
    {"config", "PutEvaluations", kWrite, kHourly, kApps, 3, 0.002, kThrottling, R"({"evaluations":[{"complianceResourceType":"AWS::EC2::Instance","complianceResourceId":"$i","complianceType":"COMPLIANT","orderingTimestamp":"$T"}],"testMode":false})", R"({"failedEvaluations":[]})"},
    {"config", "DescribeConfigRules", kRead, kHourly, kMonitors, 2, 0.005, kThrottling, R"({"configRuleNames":["ec2-imdsv2-check"]})"},
    {"ec2", "CreateSnapshot", kWrite, kNightly, kService, 4, 0.005, kLimit, R"({"volumeId":"$v","description":"Created by AWS Backup","copyTagsFromSource":true})", R"({"requestId":"$U","snapshotId":"snap-0$x$x","volumeId":"$v","status":"pending","ownerId":"$A","encrypted":true})", "backup"},
    {"ec2", "DeleteSnapshot", kWrite, kNightly, kService, 4, 0.01, kNotFoundInstance, R"({"snapshotId":"snap-0$x$x"})", R"({"requestId":"$U","_return":true})", "backup"},
    {"backup", "StartBackupJob", kWrite, kNightly, kApps, 2, 0.01, kValidation, R"({"backupVaultName":"nightly","resourceArn":"arn:aws:dynamodb:$R:$A:table/$d","iamRoleArn":"arn:aws:iam::$A:role/$r"})", R"({"backupJobId":"$U","creationDate":"$T"})"},
    {"glue", "GetPartitions", kRead, kNightly, kApps, 5, 0.01, kNotFound, R"({"databaseName":"lake","tableName":"$d","segment":{"segmentNumber":0,"totalSegments":10}})"},
    {"glue", "StartJobRun", kWrite, kNightly, kApps, 1.5, 0.02, kLimit, R"({"jobName":"$o-load","arguments":"HIDDEN_DUE_TO_SECURITY_REASONS"})", R"({"jobRunId":"jr_$x$x$x$x"})"},
    {"athena", "StartQueryExecution", kWrite, kOffice, kPeople, 2, 0.06, kValidation, R"({"queryString":"***OMITTED***","queryExecutionContext":{"database":"lake"},"workGroup":"primary"})", R"({"queryExecutionId":"$U"})"},
    {"athena", "GetQueryExecution", kRead, kOffice, kPeople, 4, 0.002, kThrottling, R"({"queryExecutionId":"$U"})"},
    {"athena", "GetQueryResults", kRead, kOffice, kPeople, 2, 0.03, kValidation, R"({"queryExecutionId":"$U","maxResults":1000})"},
    {"signin", "ConsoleLogin", kWrite, kOffice, kPeople, 1, 0.03, kSignIn, "", R"({"ConsoleLogin":"Success"})"},
    {"health", "DescribeEventAggregates", kRead, kOffice, kPeople, 1, 0.05, kAccessDenied, R"({"filter":{"eventStatusCodes":["open","upcoming"]},"aggregateField":"eventTypeCategory"})"},
    {"ce", "GetCostAndUsage", kRead, kOffice, kPeople, 3, 0.05, kAccessDeniedException, R"({"granularity":"DAILY","metrics":["UnblendedCost"]})"},
    {"monitoring", "ListMetrics", kRead, kOffice, kPeople, 3, 0.01, kThrottling, R"({"namespace":"AWS/EC2"})"},
    {"cloudtrail", "LookupEvents", kRead, kOffice, kPeople, 3, 0.01, kThrottling, R"({"maxResults":50,"lookupAttributes":[{"attributeKey":"ReadOnly","attributeValue":"false"}]})"},
    {"cloudtrail", "DescribeTrails", kRead, kHourly, kMonitors, 1, 0.002, kAccessDeniedException, R"({"includeShadowTrails":true})"},
    {"cloudtrail", "GetTrailStatus", kRead, kHourly, kMonitors, 1, 0.002, kAccessDeniedException, R"({"name":"arn:aws:cloudtrail:$R:$A:trail/acme-trail"})"},
    {"guardduty", "ListFindings", kRead, kHourly, kMonitors, 2, 0.003, kAccessDenied, R"({"detectorId":"$x$x$x$x"})"},
    {"access-analyzer", "ListFindings", kRead, kDaily, kMonitors, 4, 0.01, kAccessDeniedException, R"({"analyzerArn":"arn:aws:access-analyzer:$R:$A:analyzer/acme"})"},
    {"iam", "GetAccountSummary", kRead, kOffice, kPeople, 1, 0.03, kAccessDenied, ""},
    {"iam", "ListUsers", kRead, kDaily, kMonitors, 2, 0.01, kAccessDenied, R"({"maxItems":100})"},
    {"iam", "ListAccessKeys", kRead, kDaily, kMonitors, 12, 0.01, kNoSuchEntity, R"({"userName":"$u"})"},
    {"iam", "GenerateCredentialReport", kRead, kDaily, kMonitors, 1, 0.001, kThrottling, ""},
    {"organizations", "DescribeOrganization", kRead, kOffice, kPeople, 1, 0.2, kAccessDeniedException, ""},
    {"support", "DescribeTrustedAdvisorChecks", kRead, kDaily, kMonitors, 1, 0.02, kAccessDenied, R"({"language":"en"})"},
    {"sns", "ListTopics", kRead, kOffice, kMonitors, 1, 0.01, kThrottling, ""},
    {"events", "PutRule", kWrite, kOffice, kAutomation, 1.5, 0.01, kValidation, R"j({"name":"$o-schedule","scheduleExpression":"rate(5 minutes)","state":"ENABLED"})j", R"({"ruleArn":"arn:aws:events:$R:$A:rule/$o-schedule"})"},
    {"events", "PutTargets", kWrite, kOffice, kAutomation, 1.5, 0.01, kNotFound, R"({"rule":"$o-schedule","targets":[{"id":"1","arn":"arn:aws:lambda:$R:$A:function:$f"}]})", R"({"failedEntryCount":0,"failedEntries":[]})"},
    {"cloudformation", "CreateChangeSet", kWrite, kOffice, kAutomation, 1, 0.03, kValidation, R"({"stackName":"$o","changeSetName":"release-$x","changeSetType":"UPDATE","capabilities":["CAPABILITY_IAM"]})", R"({"id":"arn:aws:cloudformation:$R:$A:changeSet/release-$x/$U","stackId":"arn:aws:cloudformation:$R:$A:stack/$o/$U"})"},
    {"cloudformation", "ExecuteChangeSet", kWrite, kOffice, kAutomation, 1, 0.02, kValidation, R"({"stackName":"$o","changeSetName":"release-$x"})"},
    {"lambda", "PublishVersion20150331", kWrite, kOffice, kAutomation, 1.5, 0.01, kNotFound, R"({"functionName":"$f"})", R"({"functionName":"$f","version":"$m"})"},
    {"lambda", "UpdateAlias20150331", kWrite, kOffice, kAutomation, 1.5, 0.01, kNotFound, R"({"functionName":"$f","name":"live","functionVersion":"$m"})", R"({"name":"live","functionVersion":"$m"})"},
    {"lambda", "UpdateFunctionConfiguration20150331v2", kWrite, kOffice, kAutomation, 1, 0.02, kConflict, R"({"functionName":"$f","memorySize":512,"timeout":30})", R"({"functionName":"$f","memorySize":512,"timeout":30})"},
    {"lambda", "AddPermission20150331v2", kWrite, kOffice, kAutomation, 1, 0.05, kConflict, R"({"functionName":"$f","statementId":"events-$x","action":"lambda:InvokeFunction","principal":"events.amazonaws.com","sourceArn":"arn:aws:events:$R:$A:rule/$o-schedule"})"},
    {"apigateway", "CreateDeployment", kWrite, kOffice, kAutomation, 1, 0.02, kValidation, R"({"restApiId":"$x","createDeploymentInput":{"stageName":"prod"}})", R"({"id":"$x","createdDate":"$T"})"},
    {"ecr", "PutImage", kWrite, kOffice, kAutomation, 1.3, 0.01, kConflict, R"({"registryId":"$A","repositoryName":"$o","imageTag":"release-$m"})", R"({"image":{"registryId":"$A","repositoryName":"$o","imageId":{"imageTag":"release-$m"}}})"},
    {"ecr", "InitiateLayerUpload", kWrite, kOffice, kAutomation, 4, 0.002, kNotFound, R"({"registryId":"$A","repositoryName":"$o"})", R"({"uploadId":"$U","partSize":20971520})"},
    {"ssm", "SendCommand", kWrite, kOffice, kPeople, 1, 0.04, kValidation, R"({"instanceIds":["$i"],"documentName":"AWS-RunShellScript","parameters":"HIDDEN_DUE_TO_SECURITY_REASONS","timeoutSeconds":600})", R"({"command":{"commandId":"$U","documentName":"AWS-RunShellScript","status":"Pending"}})"},
    {"ssm", "StartSession", kWrite, kOffice, kPeople, 1, 0.05, kAccessDeniedException, R"({"target":"$i"})", R"({"sessionId":"$u-$x$x","tokenValue":"Value hidden due to security reasons.","streamUrl":"wss://ssmmessages.$R.amazonaws.com/v1/data-channel/$u-$x$x"})"},
    {"ssm", "PutParameter", kWrite, kOffice, kAutomation, 1.5, 0.02, kConflict, R"({"name":"/$o/config","type":"String","overwrite":true})", R"({"version":$m,"tier":"Standard"})"},
    {"secretsmanager", "PutSecretValue", kWrite, kDaily, kApps, 1, 0.02, kNotFound, R"({"secretId":"$o/db","clientRequestToken":"$U","versionStages":["AWSCURRENT"]})", R"({"arn":"arn:aws:secretsmanager:$R:$A:secret:$o/db-$x","versionId":"$U"})"},
    {"secretsmanager", "RotateSecret", kWrite, kDaily, kApps, 1, 0.03, kConflict, R"({"secretId":"$o/db","clientRequestToken":"$U"})"},
    {"route53", "ChangeResourceRecordSets", kWrite, kOffice, kAutomation, 1, 0.03, kValidation, R"({"hostedZoneId":"Z$Y","changeBatch":{"changes":[{"action":"UPSERT","resourceRecordSet":{"name":"$o.example.com.","type":"CNAME","tTL":60,"resourceRecords":[{"value":"$o-$m.$R.elb.amazonaws.com"}]}}]}})", R"({"changeInfo":{"id":"/change/C$Y","status":"PENDING","submittedAt":"$T"}})"},
    {"cloudfront", "CreateInvalidation", kWrite, kOffice, kAutomation, 1, 0.02, kThrottling, R"({"distributionId":"E$Y","invalidationBatch":{"callerReference":"$U","paths":{"quantity":1,"items":["/*"]}}})", R"({"invalidation":{"id":"I$Y","status":"InProgress"}})"},
    {"elasticloadbalancing", "ModifyRule", kWrite, kOffice, kAutomation, 1, 0.02, kNotFound, R"({"ruleArn":"arn:aws:elasticloadbalancing:$R:$A:listener-rule/app/$o/$x$x/$x$x"})"},
    {"elasticloadbalancing", "CreateTargetGroup", kWrite, kOffice, kAutomation, 1, 0.03, kConflict, R"({"name":"$o-$x","protocol":"HTTP","port":8080,"vpcId":"vpc-$x","targetType":"ip"})"},
    {"autoscaling", "UpdateAutoScalingGroup", kWrite, kOffice, kAutomation, 1, 0.02, kValidation, R"({"autoScalingGroupName":"$a","minSize":2,"maxSize":12,"desiredCapacity":4})"},
    {"autoscaling", "StartInstanceRefresh", kWrite, kOffice, kAutomation, 1, 0.05, kConflict, R"({"autoScalingGroupName":"$a","strategy":"Rolling"})", R"({"instanceRefreshId":"$U"})"},
    {"ec2", "CreateLaunchTemplateVersion", kWrite, kOffice, kAutomation, 1, 0.01, kUnauthorizedOperation, R"({"CreateLaunchTemplateVersionRequest":{"LaunchTemplateId":"lt-0$x$x","SourceVersion":"$m"}})"},
    {"ec2", "StartInstances", kWrite, kDaily, kApps, 2, 0.02, kNotFoundInstance, R"({"instancesSet":{"items":[{"instanceId":"$i"}]}})", R"({"requestId":"$U","instancesSet":{"items":[{"instanceId":"$i","currentState":{"code":0,"name":"pending"},"previousState":{"code":80,"name":"stopped"}}]}})"},
    {"ec2", "StopInstances", kWrite, kDaily, kApps, 2, 0.02, kNotFoundInstance, R"({"instancesSet":{"items":[{"instanceId":"$i"}]},"force":false})", R"({"requestId":"$U","instancesSet":{"items":[{"instanceId":"$i","currentState":{"code":64,"name":"stopping"},"previousState":{"code":16,"name":"running"}}]}})"},
    {"ec2", "ModifyInstanceAttribute", kWrite, kOffice, kPeople, 1, 0.06, kUnauthorizedOperation, R"({"instanceId":"$i","instanceType":{"value":"m6i.xlarge"}})", R"({"requestId":"$U","_return":true})"},
    {"ec2", "AttachVolume", kWrite, kMixed, kService, 1.5, 0.01, kNotFoundInstance, R"({"volumeId":"$v","instanceId":"$i","device":"/dev/xvdf","deleteOnTermination":false})", R"({"requestId":"$U","volumeId":"$v","instanceId":"$i","status":"attaching"})", "autoscaling"},
    {"ec2", "AuthorizeSecurityGroupIngress", kWrite, kOffice, kAutomation, 1, 0.04, kConflict, R"({"groupId":"$g","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":443,"toPort":443,"groups":{},"ipRanges":{"items":[{"cidrIp":"$y"}]},"ipv6Ranges":{},"prefixListIds":{}}]}})", R"({"requestId":"$U","_return":true,"securityGroupRuleSet":{"items":[{"groupOwnerId":"$A","groupId":"$g","securityGroupRuleId":"sgr-0$x$x","isEgress":false,"ipProtocol":"tcp","fromPort":443,"toPort":443,"cidrIpv4":"$y"}]}})"},
    {"ec2", "RevokeSecurityGroupIngress", kWrite, kOffice, kAutomation, 1, 0.05, kConflict, R"({"groupId":"$g","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":443,"toPort":443,"groups":{},"ipRanges":{"items":[{"cidrIp":"$y"}]},"ipv6Ranges":{},"prefixListIds":{}}]}})", R"({"requestId":"$U","_return":true})"},
    {"s3", "PutBucketPolicy", kWrite, kOffice, kAutomation, 1, 0.03, kAccessDenied, R"({"bucketName":"$b","Host":"$b.s3.$R.amazonaws.com","policy":"","bucketPolicy":{"Version":"2012-10-17","Statement":[{"Sid":"TlsOnly","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::$b","arn:aws:s3:::$b/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}})"},
    {"s3", "PutBucketTagging", kWrite, kOffice, kAutomation, 1, 0.02, kAccessDenied, R"({"bucketName":"$b","Host":"$b.s3.$R.amazonaws.com","tagging":"","Tagging":{"TagSet":{"Tag":[{"Key":"team","Value":"$o"}]}}})"},
    {"s3", "CreateBucket", kWrite, kOffice, kAutomation, 1, 0.1, kConflict, R"({"bucketName":"acme-$o-$x","Host":"s3.$R.amazonaws.com","CreateBucketConfiguration":{"LocationConstraint":"$R"}})"},
    {"kms", "CreateGrant", kWrite, kMixed, kService, 1.5, 0.005, kAccessDenied, R"({"keyId":"arn:aws:kms:$R:$A:key/$k","granteePrincipal":"autoscaling.amazonaws.com","operations":["Decrypt","CreateGrant"]})", R"({"grantId":"$x$x$x$x","keyId":"arn:aws:kms:$R:$A:key/$k"})", "autoscaling"},
    {"kms", "CreateAlias", kWrite, kOffice, kAutomation, 1, 0.05, kConflict, R"({"aliasName":"alias/$o","targetKeyId":"$k"})"},
    {"rds", "CreateDBSnapshot", kWrite, kNightly, kApps, 1, 0.02, kLimit, R"({"dBInstanceIdentifier":"$o","dBSnapshotIdentifier":"$o-$x"})", R"({"dBSnapshotIdentifier":"$o-$x","dBInstanceIdentifier":"$o","status":"creating","engine":"postgres"})"},
    {"rds", "ModifyDBInstance", kWrite, kOffice, kAutomation, 1, 0.05, kValidation, R"({"dBInstanceIdentifier":"$o","applyImmediately":false,"backupRetentionPeriod":14})"},
    {"dynamodb", "UpdateTable", kWrite, kMixed, kService, 1, 0.02, kLimit, R"({"tableName":"$d","provisionedThroughput":{"readCapacityUnits":$m,"writeCapacityUnits":$m}})", R"({"tableDescription":{"tableName":"$d","tableStatus":"UPDATING"}})", "dynamodb.application-autoscaling"},
    {"sqs", "SetQueueAttributes", kWrite, kOffice, kAutomation, 1, 0.02, kAccessDenied, R"({"queueUrl":"https://sqs.$R.amazonaws.com/$A/$q","attributes":{"VisibilityTimeout":"60"}})"},
    {"sns", "Subscribe", kWrite, kOffice, kAutomation, 1, 0.03, kValidation, R"({"topicArn":"arn:aws:sns:$R:$A:$q","protocol":"sqs","endpoint":"arn:aws:sqs:$R:$A:$q"})", R"({"subscriptionArn":"arn:aws:sns:$R:$A:$q:$U"})"},
    {"states", "UpdateStateMachine", kWrite, kOffice, kAutomation, 1, 0.03, kValidation, R"({"stateMachineArn":"arn:aws:states:$R:$A:stateMachine:$o"})", R"({"updateDate":"$T"})"},
    {"codebuild", "StartBuild", kWrite, kOffice, kAutomation, 1, 0.01, kLimit, R"({"projectName":"$o","sourceVersion":"$x"})", R"({"build":{"id":"$o:$U","buildStatus":"IN_PROGRESS"}})"},
    {"iam", "CreateRole", kWrite, kOffice, kAutomation, 1, 0.05, kConflict, R"({"roleName":"$o-$x","path":"/","assumeRolePolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"lambda.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}"})", R"({"role":{"roleName":"$o-$x","roleId":"AROA$Y","arn":"arn:aws:iam::$A:role/$o-$x","path":"/","createDate":"$T"}})"},
    {"iam", "PutRolePolicy", kWrite, kOffice, kAutomation, 1, 0.03, kNoSuchEntity, R"({"roleName":"$r","policyName":"$p","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::$b/*\"}]}"})"},
    {"iam", "AttachRolePolicy", kWrite, kOffice, kAutomation, 1, 0.02, kNoSuchEntity, R"({"roleName":"$r","policyArn":"arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"})"},
    {"iam", "DetachRolePolicy", kWrite, kOffice, kAutomation, 1, 0.05, kNoSuchEntity, R"({"roleName":"$r","policyArn":"arn:aws:iam::aws:policy/AmazonSQSFullAccess"})"},
    {"iam", "CreatePolicyVersion", kWrite, kOffice, kAutomation, 1, 0.05, kLimit, R"({"policyArn":"arn:aws:iam::$A:policy/$p","setAsDefault":true,"policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sqs:SendMessage\",\"Resource\":\"arn:aws:sqs:$R:$A:$q\"}]}"})", R"({"policyVersion":{"versionId":"v$m","isDefaultVersion":true,"createDate":"$T"}})"},
    {"iam", "TagRole", kWrite, kOffice, kAutomation, 1, 0.02, kNoSuchEntity, R"({"roleName":"$r","tags":[{"key":"team","value":"$o"}]})"},
    {"iam", "UpdateAssumeRolePolicy", kWrite, kOffice, kAutomation, 1, 0.02, kAccessDenied, R"({"roleName":"$r","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"ecs-tasks.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}"})"},
    {"iam", "DeleteAccessKey", kWrite, kOffice, kPeople, 1, 0.02, kNoSuchEntity, R"({"userName":"$u","accessKeyId":"AKIA$Y"})"},
    {"iam", "CreateAccessKey", kWrite, kOffice, kPeople, 1, 0.05, kLimit, R"({"userName":"$u"})", R"({"accessKey":{"userName":"$u","accessKeyId":"AKIA$Y","status":"Active","createDate":"$T"}})"},
    // Only incidents call these; in the order of `IncidentApi`.
    {"cloudtrail", "DeleteTrail", kWrite, kOffice, kPeople, 1, 0, kAccessDenied, R"({"name":"arn:aws:cloudtrail:$R:$A:trail/acme-trail"})"},
    {"cloudtrail", "StopLogging", kWrite, kOffice, kPeople, 1, 0, kAccessDenied, R"({"name":"arn:aws:cloudtrail:$R:$A:trail/acme-trail"})"},
    {"signin", "ConsoleLogin", kWrite, kOffice, kPeople, 1, 0, kSignIn, "", R"({"ConsoleLogin":"Success"})"},
    {"iam", "CreateAccessKey", kWrite, kOffice, kPeople, 1, 0, kLimit, "", R"({"accessKey":{"accessKeyId":"AKIA$Y","status":"Active","createDate":"$T"}})"},
    {"ec2", "AuthorizeSecurityGroupIngress", kWrite, kOffice, kPeople, 1, 0, kConflict, R"({"groupId":"$g","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":22,"toPort":22,"groups":{},"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]},"ipv6Ranges":{},"prefixListIds":{}}]}})", R"({"requestId":"$U","_return":true,"securityGroupRuleSet":{"items":[{"groupOwnerId":"$A","groupId":"$g","securityGroupRuleId":"sgr-0$x$x","isEgress":false,"ipProtocol":"tcp","fromPort":22,"toPort":22,"cidrIpv4":"0.0.0.0/0"}]}})"},
    {"iam", "CreateAccessKey", kWrite, kOffice, kPeople, 1, 0, kLimit, R"({"userName":"$z"})", R"({"accessKey":{"userName":"$z","accessKeyId":"AKIA$Y","status":"Active","createDate":"$T"}})"},
    {"iam", "AttachUserPolicy", kWrite, kOffice, kPeople, 1, 0, kNoSuchEntity, R"({"userName":"$z","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"})"},
    {"iam", "PutUserPolicy", kWrite, kOffice, kPeople, 1, 0, kNoSuchEntity, R"({"userName":"$z","policyName":"inline","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}"})"},
    {"iam", "CreateUser", kWrite, kOffice, kPeople, 1, 0, kConflict, R"({"userName":"$z"})", R"({"user":{"path":"/","userName":"$z","userId":"AIDA$Y","arn":"arn:aws:iam::$A:user/$z","createDate":"$T"}})"},
    {"iam", "UpdateAccessKey", kWrite, kOffice, kPeople, 1, 0, kNoSuchEntity, R"({"userName":"$z","accessKeyId":"AKIA$Y","status":"Active"})"},
    {"iam", "UpdateLoginProfile", kWrite, kOffice, kPeople, 1, 0, kNoSuchEntity, R"({"userName":"$z"})"},
});
// clang-format on

constexpr std::size_t kIncidentApis = 11;
static_assert(static_cast<std::size_t>(IncidentApi::kUpdateLoginProfile) + 1 == kIncidentApis);

// By Failure.
constexpr auto kFailures = std::to_array<FailureText>({
    {"AccessDenied", "User: $P is not authorized to perform: $S:$N because no identity-based policy allows the $S:$N action"},
    {"AccessDeniedException", "User: $P is not authorized to perform: $S:$N because no identity-based policy allows the $S:$N action"},
    {"Client.UnauthorizedOperation", "You are not authorized to perform this operation. User: $P is not authorized to perform: $S:$N"},
    {"ThrottlingException", "Rate exceeded"},
    {"Client.RequestLimitExceeded", "Request limit exceeded."},
    {"NoSuchEntityException", "The role with name $o-$x cannot be found."},
    {"ResourceNotFoundException", "The resource that you requested does not exist."},
    {"ValidationException", "The request is not valid in the present state of the resource."},
    {"ResourceConflictException", "The resource already exists or is being changed."},
    {"NoSuchBucketPolicy", "The bucket policy does not exist"},
    {"Client.InvalidInstanceID.NotFound", "The ID '$i' does not exist"},
    {"LimitExceededException", "The limit for this account is reached."},
    {"", "Failed authentication"},
});

}  // namespace

const FailureText& text_of(Failure failure) { return kFailures[static_cast<std::size_t>(failure)]; }

bool Api::is_global() const {
  constexpr std::array<std::string_view, 8> kGlobal{"iam", "signin",  "cloudfront", "route53", "organizations",
                                                    "ce",  "support", "health"};
  return std::find(kGlobal.begin(), kGlobal.end(), service) != kGlobal.end();
}

bool Api::is_sensitive() const {
  return !read_only && (service == "iam" || name.find("SecurityGroup") != std::string_view::npos || name == "PutBucketPolicy");
}

std::span<const Api> catalogue() { return kCatalogue; }

std::size_t ordinary_apis() { return kCatalogue.size() - kIncidentApis; }

std::uint16_t index_of(IncidentApi api) { return static_cast<std::uint16_t>(ordinary_apis() + static_cast<std::size_t>(api)); }

}  // namespace trailwarden::generate
