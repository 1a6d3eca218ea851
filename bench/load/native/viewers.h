// Many WebSocket viewers in one process: what its parts share. ../viewers.mjs tells what it does and how it is asked.
#ifndef VIEWERS_H
#define VIEWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum state { IDLE, CONNECTING, UPGRADING, OPENING, WATCHING, CLOSED };

struct viewer {
  int fd;
  enum state state;
  uint16_t close_code;
  bool is_stalled;
  // What was read of a frame, or of the upgrade's answer, that is not complete yet.
  uint8_t *pending;
  size_t pending_length;
  uint64_t matching;
  uint64_t ends;
  uint64_t lines;
};

struct options {
  int port;
  int count;
  int handshakes;
  const char *path;
  bool speaks_socket_io;
  bool is_mute;
  const char *match;
  const char *match_end;
  const char *match_line;
  const char *ready;
};

struct totals {
  uint64_t messages;
  uint64_t bytes;
  uint64_t pings;
  uint64_t matching;
  uint64_t ends;
  int64_t last_matching_us;
  int64_t last_end_us;
};

extern struct options options;
extern struct totals totals;
extern struct viewer *viewers;
extern int connected, failed, closed;

// viewers.c
int64_t epoch_us(void);
void set_interest(struct viewer *viewer, uint32_t events);

// connect.c: at most `options.handshakes` are under way at a time, as the listen backlog is finite.
void open_more(void);
void send_upgrade(struct viewer *viewer);
// Answers how many bytes were the server's answer; 0 when it is not complete, -1 when it is a refusal.
long read_upgrade(struct viewer *viewer, const uint8_t *data, size_t length);
void became_ready(struct viewer *viewer);
void close_viewer(struct viewer *viewer);

// frames.c: answers how many bytes were consumed, or -1 when what came is not WebSocket.
long read_frames(struct viewer *viewer, const uint8_t *data, size_t length, int64_t now_us);

// histogram.c: latencies in microseconds, on a logarithmic scale with an error below 1 %.
void histogram_reset(void);
void histogram_add(int64_t value);
uint64_t histogram_count(void);
// How many seemed to arrive before they were sent.
uint64_t histogram_early(void);
int64_t histogram_max(void);
double histogram_quantile(double quantile);

// commands.c
bool read_commands(void);
void report_connected(void);
// Answers a `wait` whose time or count has come; returns the milliseconds until the next look, or -1 for none.
int check_waits(void);

#endif
