#include "viewers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum opcode { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

static const char TIME_FIELD[] = "\"t\":";

// What the client does most. glibc's memmem looks at every byte; here sixteen places are looked at at once.
static const void *find(const uint8_t *data, size_t length, const char *needle) {
  size_t size = strlen(needle);
#ifdef __SSE2__
  const size_t block = sizeof(__m128i);
  if (size == 0 || length < size + block) return memmem(data, length, needle, size);
  const __m128i first = _mm_set1_epi8(needle[0]);
  const __m128i last = _mm_set1_epi8(needle[size - 1]);
  const size_t end = length - size + 1;
  for (size_t at = 0; at < end; at += block) {
    // The last block begins where it still fits, and overlaps the one before.
    if (at + block > end) at = end - block;
    const __m128i starts = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(data + at)), first);
    const __m128i ends = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(data + at + size - 1)), last);
    unsigned places = (unsigned)_mm_movemask_epi8(_mm_and_si128(starts, ends));
    for (; places; places &= places - 1) {
      const uint8_t *place = data + at + __builtin_ctz(places);
      if (memcmp(place, needle, size) == 0) return place;
    }
  }
  return NULL;
#else
  return memmem(data, length, needle, size);
#endif
}

// Short frames only. What the kernel does not take at once is not sent: whoever does not read gets no pong either.
static void send_frame(struct viewer *viewer, enum opcode opcode, const void *data, size_t length) {
  static uint32_t seed = 0x9e3779b9;
  uint8_t frame[6 + 125];
  if (length > 125) length = 125;
  seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
  frame[0] = (uint8_t)(0x80 | opcode);
  frame[1] = (uint8_t)(0x80 | length);
  memcpy(frame + 2, &seed, 4);
  for (size_t index = 0; index < length; index += 1)
    frame[6 + index] = ((const uint8_t *)data)[index] ^ frame[2 + index % 4];
  send(viewer->fd, frame, 6 + length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void note_latency(const uint8_t *data, size_t length, int64_t now_us) {
  const uint8_t *end = data + length;
  const uint8_t *digit = find(data, length, TIME_FIELD);
  if (!digit) return;
  int64_t sent_us = 0;
  for (digit += sizeof TIME_FIELD - 1; digit < end && *digit >= '0' && *digit <= '9'; digit += 1)
    sent_us = sent_us * 10 + (*digit - '0');
  histogram_add(now_us - sent_us);
}

// engine.io's own packets begin with another digit than the messages in them, which begin with 4.
static bool is_engine_packet(struct viewer *viewer, const uint8_t *data, size_t length) {
  if (length == 0) return false;
  if (data[0] == '0') send_frame(viewer, TEXT, "40", 2);
  else if (data[0] == '2' && !options.is_mute) send_frame(viewer, TEXT, "3", 1);
  else if (length > 1 && data[0] == '4' && data[1] == '0' && viewer->state == OPENING) became_ready(viewer);
  else return false;
  return true;
}

static void on_text(struct viewer *viewer, const uint8_t *data, size_t length, int64_t now_us) {
  if (options.speaks_socket_io && is_engine_packet(viewer, data, length)) return;
  totals.messages += 1;
  if (viewer->state == OPENING && options.ready && find(data, length, options.ready)) became_ready(viewer);
  if (!find(data, length, options.match)) return;
  viewer->matching += 1;
  totals.matching += 1;
  totals.last_matching_us = now_us;
  note_latency(data, length, now_us);
  if (options.match_line && find(data, length, options.match_line)) viewer->lines += 1;
  if (!options.match_end || !find(data, length, options.match_end)) return;
  viewer->ends += 1;
  totals.ends += 1;
  totals.last_end_us = now_us;
}

static void on_frame(struct viewer *viewer, int opcode, const uint8_t *data, size_t length, int64_t now_us) {
  if (opcode == TEXT) on_text(viewer, data, length, now_us);
  if (opcode == PING) {
    totals.pings += 1;
    if (!options.is_mute) send_frame(viewer, PONG, data, length);
  }
  if (opcode == CLOSE) {
    viewer->close_code = length >= 2 ? (uint16_t)(data[0] << 8 | data[1]) : 1005;
    send_frame(viewer, CLOSE, data, length < 2 ? 0 : 2);
  }
}

long read_frames(struct viewer *viewer, const uint8_t *data, size_t length, int64_t now_us) {
  size_t at = 0;
  while (length - at >= 2) {
    // Neither compression nor masks nor fragments: nothing was negotiated, and none of the servers splits messages.
    if ((data[at] & 0xf0) != 0x80 || data[at + 1] & 0x80) return -1;
    size_t header = 2;
    uint64_t payload = data[at + 1];
    if (payload >= 126) {
      size_t extra = payload == 126 ? 2 : 8;
      if (length - at < 2 + extra) break;
      payload = 0;
      for (size_t index = 0; index < extra; index += 1) payload = payload << 8 | data[at + 2 + index];
      header += extra;
    }
    if (payload > length - at - header) break;
    on_frame(viewer, data[at] & 0x0f, data + at + header, (size_t)payload, now_us);
    at += header + (size_t)payload;
  }
  return (long)at;
}
