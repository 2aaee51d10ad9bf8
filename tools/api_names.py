#!/usr/bin/env python3
"""Writes models/api_names/names.txt: which services write to CloudTrail, and what the events of those are called that rules are about.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install botocore
    /tmp/venv/bin/python tools/api_names.py > models/api_names/names.txt

From botocore's service models (https://pypi.org/project/botocore, Apache-2.0) facts only are taken: under which name a service signs its requests, which is its eventSource, and what its operations are called."""
import botocore
import gzip
import json
import pathlib

# Services whose operations are kept: those of the rule packs, and those that most rules and most traffic are about. Of all others only the source.
KEPT = """
access-analyzer account acm acm-pca apigateway athena autoscaling backup bedrock budgets cloudformation cloudfront cloudtrail cloudtrail-data codebuild codedeploy codepipeline cognito-identity
cognito-idp config dlm dynamodb ebs ec2 ec2-instance-connect ecr ecr-public ecs eks elasticfilesystem elasticloadbalancing es events firehose guardduty iam identitystore kinesis kms
lambda logs macie2 monitoring network-firewall organizations ram rds resource-explorer-2 rolesanywhere route53 route53domains route53resolver s3 sagemaker secretsmanager securityhub servicequotas ses
shield sns sqs ssm states sts support tagging transfer waf waf-regional wafv2
""".split()

# What is recorded under other names than the models': calls of consoles and agents, of older versions of an API, and what services do of themselves (AwsServiceEvent). From AWS's documentation of each service and from
# records.
RECORDED = {
    "bedrock": "PutFoundationModelEntitlement",
    "cloudshell": "CreateEnvironment CreateSession DeleteEnvironment DescribeEnvironments GetEnvironmentStatus GetFileDownloadUrls GetFileUploadUrls GetLayout PutCredentials RedeemCode SendHeartBeat StartEnvironment StopEnvironment "
                  "UpdateLayout",
    "ec2": "BidEvictedEvent SharedSnapshotCopyInitiated SharedSnapshotVolumeCreated",
    "cloudtrail": "CreateServiceLinkedChannel",
    "es": "ListNotifications",
    "kms": "DeleteExpiredKeyMaterial DeleteKey RotateKey SynchronizeMultiRegionKey",
    "macie2": "ArchiveFindings UnarchiveFindings",
    "organizations": "CloseAccountResult CreateAccountResult CreateGovCloudAccountResult",
    "s3": "DeleteAccountPublicAccessBlock DeleteBucketPublicAccessBlock GetAccelerateConfiguration GetAccountPublicAccessBlock GetBucketObjectLockConfiguration GetBucketPublicAccessBlock JobCreated JobStatusChanged "
          "PreflightRequest PutAccelerateConfiguration PutAccountPublicAccessBlock PutBucketObjectLockConfiguration PutBucketPublicAccessBlock",
    "secretsmanager": "CancelSecretVersionDelete EndSecretVersionDelete RotationAbandoned RotationFailed RotationStarted RotationSucceeded SecretVersionDeletion StartSecretVersionDelete TestRotationFailed "
                      "TestRotationStarted TestRotationSucceeded",
    "signin": "AuthorizeOAuth2Access CheckMfa ConsoleLogin CreateOAuth2Token CredentialChallenge CredentialVerification EmailUpdated ExitRole GetSigninToken PasswordRecoveryCompleted PasswordRecoveryRequested PasswordUpdated "
              "RenewRole SwitchRole UserAuthentication",
    "ssm": "CreateControlChannel CreateDataChannel ListInstanceAssociations OpenControlChannel OpenDataChannel PutConfigurePackageResult RegisterManagedInstance RequestManagedInstanceRoleToken UpdateInstanceAssociationStatus "
           "UpdateInstanceInformation",
}

# Sources without a model of their own, or no longer.
SOURCES = """
amazonmq application-insights aws-portal billing billingconsole cloud9 codestar codewhisperer consolidatedbilling controltower dax ec2messages edgelambda freetier health inspector invoicing lookoutmetrics lookoutvision macie
mobilehub monitron opsworks payments q qldb robomaker s3-object-lambda s3-outposts s3express servicecatalog-appregistry sms ssm-guiconnect ssmmessages sso sso-directory sso-oauth tax user-subscriptions vpce worklink
""".split()


def models():
    """The newest model of each service."""
    for service in sorted((pathlib.Path(botocore.__file__).parent / "data").iterdir()):
        files = sorted(service.glob("*/service-2.json*"))
        if files:
            open_it = gzip.open if files[-1].suffix == ".gz" else open
            with open_it(files[-1], "rt", encoding="utf-8") as file:
                yield json.load(file)


def main():
    names = {source: set() for source in SOURCES}
    for model in models():
        source = model["metadata"].get("signingName") or model["metadata"]["endpointPrefix"]
        names.setdefault(source, set()).update(model["operations"] if source in KEPT else ())
    for source, recorded in RECORDED.items():
        names.setdefault(source, set()).update(recorded.split())
    unknown = sorted(set(KEPT) - set(names))
    assert not unknown, f"no service signs as {unknown}"
    print(f"# Event sources and event names (models/api_names/README.md), from botocore {botocore.__version__} by tools/api_names.py")
    for source in sorted(names):
        print(" ".join([f"{source}.amazonaws.com", *sorted(names[source])]))


if __name__ == "__main__":
    main()
