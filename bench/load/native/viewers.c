#include "viewers.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES (256 * 1024)

struct options options = {.handshakes = 64, .path = "/", .match = "\"t\":"};
struct totals totals;
struct viewer *viewers;
int connected, failed, closed;

static int epoll_fd;
// One buffer for all: a viewer owns memory only while a frame of it is incomplete.
static uint8_t *buffer;
static size_t buffer_size;

int64_t epoch_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

void set_interest(struct viewer *viewer, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = viewer};
  int operation = viewer->state == CONNECTING ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  epoll_ctl(epoll_fd, operation, viewer->fd, &event);
}

static void keep(struct viewer *viewer, const uint8_t *data, size_t length) {
  if (length == 0) {
    free(viewer->pending);
    viewer->pending = NULL;
  } else {
    viewer->pending = realloc(viewer->pending, length);
    if (!viewer->pending) abort();
    memcpy(viewer->pending, data, length);
  }
  viewer->pending_length = length;
}

static void read_viewer(struct viewer *viewer) {
  size_t held = viewer->pending_length;
  if (buffer_size < held + READ_BYTES) {
    buffer_size = 2 * held + READ_BYTES;
    buffer = realloc(buffer, buffer_size);
    if (!buffer) abort();
  }
  if (held > 0) memcpy(buffer, viewer->pending, held);
  ssize_t count = read(viewer->fd, buffer + held, READ_BYTES);
  if (count <= 0) {
    if (!viewer->close_code) viewer->close_code = 1006;
    return close_viewer(viewer);
  }
  int64_t now_us = epoch_us();
  size_t length = held + (size_t)count;
  long at = 0;
  totals.bytes += (uint64_t)count;
  if (viewer->state == UPGRADING) {
    at = read_upgrade(viewer, buffer, length);
    if (at < 0) return close_viewer(viewer);
  }
  if (viewer->state != UPGRADING) {
    long consumed = read_frames(viewer, buffer + at, length - (size_t)at, now_us);
    if (consumed < 0) {
      viewer->close_code = 1002;
      return close_viewer(viewer);
    }
    at += consumed;
  }
  if (viewer->state != CLOSED && (held > 0 || length > (size_t)at)) keep(viewer, buffer + at, length - (size_t)at);
}

static void on_event(struct viewer *viewer) {
  if (viewer->state == CONNECTING) send_upgrade(viewer);
  else if (viewer->state != CLOSED) read_viewer(viewer);
}

static void loop(void) {
  struct epoll_event events[256];
  for (int timeout_ms = -1;; timeout_ms = check_waits()) {
    fflush(stdout);
    int count = epoll_wait(epoll_fd, events, 256, timeout_ms);
    for (int index = 0; index < count; index += 1) {
      if (events[index].data.ptr) on_event(events[index].data.ptr);
      else if (!read_commands()) return;
    }
  }
}

static const struct option FLAGS[] = {
    {"port", required_argument, NULL, 'p'},      {"count", required_argument, NULL, 'n'},
    {"path", required_argument, NULL, 'u'},      {"handshakes", required_argument, NULL, 'h'},
    {"match", required_argument, NULL, 'm'},     {"match-end", required_argument, NULL, 'e'},
    {"ready", required_argument, NULL, 'r'},     {"match-line", required_argument, NULL, 'l'},
    {"mute", no_argument, NULL, 'q'},            {"socket-io", no_argument, NULL, 's'},
    {NULL, 0, NULL, 0},
};

static void read_options(int argc, char **argv) {
  for (int flag; (flag = getopt_long(argc, argv, "", FLAGS, NULL)) != -1;) {
    if (flag == 'p') options.port = atoi(optarg);
    else if (flag == 'n') options.count = atoi(optarg);
    else if (flag == 'u') options.path = optarg;
    else if (flag == 'h') options.handshakes = atoi(optarg);
    else if (flag == 'm') options.match = optarg;
    else if (flag == 'e') options.match_end = optarg;
    else if (flag == 'l') options.match_line = optarg;
    else if (flag == 'r') options.ready = optarg;
    else if (flag == 's') options.speaks_socket_io = true;
    else if (flag == 'q') options.is_mute = true;
    else exit(2);
  }
  if (options.port > 0 && options.count > 0 && options.handshakes > 0) return;
  fprintf(stderr, "viewers: --port and --count must be above 0\n");
  exit(2);
}

int main(int argc, char **argv) {
  read_options(argc, argv);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  viewers = calloc((size_t)options.count, sizeof *viewers);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (!viewers || epoll_fd < 0) return 1;
  struct epoll_event commands = {.events = EPOLLIN};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &commands);
  open_more();
  loop();
  return 0;
}
