import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import software.amazon.event.ruler.Machine;

/**
 * Event Ruler on rules and records of files, timed pass by pass on demand. bench/rules_bench.cc is the other side.
 *
 *   RulerBench RULES RECORDS MATCHES: RULES has a JSON object {"name", "pattern"} a line, RECORDS a record a line; writes the names of the rules that match to
 *   MATCHES, a line a record, then warms up and says "ready". Each line on standard input asks for one pass over all records; the nanoseconds of processor time that it
 *   took are printed: of this thread alone, so that neither other work on the machine nor compiling nor collecting garbage counts against it.
 */
public final class RulerBench {
  private static final int WARMING_PASSES = 150;

  public static void main(String[] arguments) throws Exception {
    Machine machine = new Machine();
    ObjectMapper mapper = new ObjectMapper();
    for (String line : Files.readAllLines(Path.of(arguments[0]))) {
      JsonNode rule = mapper.readTree(line);
      machine.addRule(rule.get("name").asText(), rule.get("pattern").toString());
    }
    List<String> records = Files.readAllLines(Path.of(arguments[1]));
    try (PrintWriter out = new PrintWriter(arguments[2])) {
      for (String record : records) out.println(String.join(",", new TreeSet<>(machine.rulesForJSONEvent(record))));
    }
    for (int i = 0; i < WARMING_PASSES; i++) pass(machine, records);
    System.out.println("ready");
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    while (in.readLine() != null) System.out.println(pass(machine, records));
  }

  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
  private static long matches; // so that no pass can be left out

  private static long pass(Machine machine, List<String> records) throws Exception {
    long start = THREADS.getCurrentThreadCpuTime();
    for (String record : records) matches += machine.rulesForJSONEvent(record).size();
    return THREADS.getCurrentThreadCpuTime() - start;
  }
}
