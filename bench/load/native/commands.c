#include "viewers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

struct wait {
  const char *name;
  bool is_pending;
  uint64_t target;
  int64_t deadline_us;
};

static int64_t cpu_at_reset_us;
static struct wait waits[] = {{.name = "wait"}, {.name = "wait-ends"}};

static int64_t cpu_us(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

void report_connected(void) { printf("{\"event\":\"connected\",\"connected\":%d,\"failed\":%d}\n", connected, failed); }

static void print_close_codes(void) {
  static unsigned counts[65536];
  memset(counts, 0, sizeof counts);
  const char *separator = "";
  for (int index = 0; index < options.count; index += 1)
    if (viewers[index].close_code) counts[viewers[index].close_code] += 1;
  printf("\"closeCodes\":{");
  for (int code = 0; code < 65536; code += 1) {
    if (!counts[code]) continue;
    printf("%s\"%d\":%u", separator, code, counts[code]);
    separator = ",";
  }
  printf("}");
}

static void print_range(const char *minimum_name, const char *maximum_name, size_t offset) {
  uint64_t minimum = UINT64_MAX, maximum = 0;
  for (int index = 0; index < options.count; index += 1) {
    uint64_t value = *(const uint64_t *)((const char *)&viewers[index] + offset);
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
  }
  printf(",\"%s\":%" PRIu64 ",\"%s\":%" PRIu64, minimum_name, minimum, maximum_name, maximum);
}

static void report_stats(void) {
  printf("{\"event\":\"stats\",\"connected\":%d,\"closed\":%d,\"failed\":%d,", connected, closed, failed);
  print_close_codes();
  printf(",\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"pings\":%" PRIu64 ",\"matching\":%" PRIu64 ",\"ends\":%" PRIu64,
         totals.messages, totals.bytes, totals.pings, totals.matching, totals.ends);
  printf(",\"lastMatchingMicroseconds\":%" PRId64 ",\"lastEndMicroseconds\":%" PRId64 ",\"cpuMicroseconds\":%" PRId64,
         totals.last_matching_us, totals.last_end_us, cpu_us() - cpu_at_reset_us);
  print_range("perViewerMin", "perViewerMax", offsetof(struct viewer, matching));
  print_range("endsPerViewerMin", "endsPerViewerMax", offsetof(struct viewer, ends));
  print_range("linesPerViewerMin", "linesPerViewerMax", offsetof(struct viewer, lines));
  printf(",\"latency\":{\"count\":%" PRIu64 ",\"early\":%" PRIu64 ",\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"max\":%.3f}}\n", histogram_count(), histogram_early(),
         histogram_quantile(0.5) / 1000, histogram_quantile(0.9) / 1000, histogram_quantile(0.99) / 1000,
         (double)histogram_max() / 1000);
}

static void reset(void) {
  memset(&totals, 0, sizeof totals);
  histogram_reset();
  cpu_at_reset_us = cpu_us();
  for (int index = 0; index < options.count; index += 1)
    viewers[index].matching = viewers[index].ends = viewers[index].lines = 0;
}

static int stall(int count) {
  int stalled = 0;
  for (int index = 0; index < options.count; index += 1) {
    struct viewer *viewer = &viewers[index];
    if (viewer->state != WATCHING) continue;
    viewer->is_stalled = stalled < count;
    if (viewer->is_stalled) stalled += 1;
    set_interest(viewer, viewer->is_stalled ? 0 : EPOLLIN);
  }
  return stalled;
}

static void start_wait(struct wait *wait, uint64_t target, long timeout_ms) {
  *wait = (struct wait){wait->name, true, target, epoch_us() + timeout_ms * 1000};
}

int check_waits(void) {
  int next_ms = -1;
  for (size_t index = 0; index < sizeof waits / sizeof *waits; index += 1) {
    struct wait *wait = &waits[index];
    if (!wait->is_pending) continue;
    uint64_t received = index == 0 ? totals.matching : totals.ends;
    int64_t left_us = received >= wait->target ? 0 : wait->deadline_us - epoch_us();
    int left_ms = (int)(left_us / 1000) + 1;
    if (left_us > 0 && (next_ms < 0 || left_ms < next_ms)) next_ms = left_ms;
    if (left_us > 0) continue;
    wait->is_pending = false;
    printf("{\"event\":\"%s\",\"received\":%" PRIu64 ",\"isComplete\":%s}\n", wait->name, received,
           received >= wait->target ? "true" : "false");
  }
  return next_ms;
}

static bool run_command(const char *line) {
  unsigned long long target = 0;
  long timeout_ms = 0;
  int count = 0;
  if (strcmp(line, "quit") == 0) return false;
  if (strcmp(line, "stats") == 0) report_stats();
  else if (strcmp(line, "reset") == 0) reset(), puts("{\"event\":\"reset\"}");
  else if (strcmp(line, "resume") == 0) stall(0), puts("{\"event\":\"resume\"}");
  else if (sscanf(line, "stall %d", &count) == 1) printf("{\"event\":\"stall\",\"stalled\":%d}\n", stall(count));
  else if (sscanf(line, "wait %llu %ld", &target, &timeout_ms) == 2) start_wait(&waits[0], target, timeout_ms);
  else if (sscanf(line, "wait-ends %llu %ld", &target, &timeout_ms) == 2) start_wait(&waits[1], target, timeout_ms);
  else fprintf(stderr, "viewers: not a command: %s\n", line);
  return true;
}

// False when there is nothing left to do: `quit`, or whoever gave the commands is gone.
bool read_commands(void) {
  static char line[256];
  static size_t length;
  char chunk[1024];
  ssize_t count = read(STDIN_FILENO, chunk, sizeof chunk);
  if (count <= 0) return false;
  for (ssize_t index = 0; index < count; index += 1) {
    if (chunk[index] != '\n' && length < sizeof line - 1) line[length++] = chunk[index];
    if (chunk[index] != '\n') continue;
    line[length] = '\0';
    length = 0;
    if (!run_command(line)) return false;
  }
  return true;
}
