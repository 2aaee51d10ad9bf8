// kfaked serves kfake, a Kafka in memory, until it is told to end. scripts/kfake builds and runs it.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"
)

func main() {
	ports := flag.String("ports", "0", "a broker on each of these `ports`; 0: any free one")
	partitions := flag.Int("partitions", 4, "partitions of each topic")
	topics := flag.String("topics", "", "`names` of topics to make; none is made by itself")
	data := flag.String("data", "", "keeps its state in this `folder`; without, in memory")
	flag.Parse()

	// As scripts/stack sets its brokers: when a record came is the broker's word, not the producer's.
	options := []kfake.Opt{kfake.BrokerConfigs(map[string]string{"log.message.timestamp.type": "LogAppendTime"})}
	var numbers []int
	for _, text := range strings.Split(*ports, ",") {
		number, err := strconv.Atoi(text)
		if err != nil {
			fail(fmt.Errorf("--ports: %w", err))
		}
		numbers = append(numbers, number)
	}
	options = append(options, kfake.Ports(numbers...), kfake.DefaultNumPartitions(*partitions))
	if *topics != "" {
		options = append(options, kfake.SeedTopics(int32(*partitions), strings.Split(*topics, ",")...))
	}
	if *data != "" {
		options = append(options, kfake.DataDir(*data))
	}

	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		fail(err)
	}
	fmt.Println("ready", strings.Join(cluster.ListenAddrs(), ","))
	<-end
	cluster.Close() // writes what is kept in the folder
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "kfaked:", err)
	os.Exit(1)
}
