#include "viewers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int next, under_way;

static void give_up(struct viewer *viewer) {
  if (viewer->fd >= 0) close(viewer->fd);
  viewer->fd = -1;
  viewer->state = CLOSED;
  failed += 1;
}

static void settled(void) {
  under_way -= 1;
  open_more();
}

static bool open_one(struct viewer *viewer) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int yes = 1;
  viewer->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (viewer->fd < 0) return false;
  setsockopt(viewer->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  int result = connect(viewer->fd, (struct sockaddr *)&address, sizeof address);
  if (result < 0 && errno != EINPROGRESS) return false;
  viewer->state = CONNECTING;
  set_interest(viewer, EPOLLOUT);
  return true;
}

void open_more(void) {
  while (under_way < options.handshakes && next < options.count) {
    struct viewer *viewer = &viewers[next++];
    if (open_one(viewer)) under_way += 1;
    else give_up(viewer);
  }
  if (under_way == 0) report_connected();
}

void send_upgrade(struct viewer *viewer) {
  char path[512], request[1024];
  const char *number = strstr(options.path, "%d");
  int before = number ? (int)(number - options.path) : (int)strlen(options.path);
  if (number) snprintf(path, sizeof path, "%.*s%d%s", before, options.path, (int)(viewer - viewers), number + 2);
  else snprintf(path, sizeof path, "%s", options.path);
  // The key need not be random: it only proves that the server understood what it was asked.
  int length = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                        path, options.port);
  if (send(viewer->fd, request, (size_t)length, MSG_NOSIGNAL) != length) return close_viewer(viewer);
  viewer->state = UPGRADING;
  set_interest(viewer, EPOLLIN);
}

long read_upgrade(struct viewer *viewer, const uint8_t *data, size_t length) {
  const uint8_t *end = memmem(data, length, "\r\n\r\n", 4);
  if (!end) return length > 16384 ? -1 : 0;
  if (memcmp(data, "HTTP/1.1 101 ", 13) != 0) return -1;
  viewer->state = OPENING;
  if (!options.ready && !options.speaks_socket_io) became_ready(viewer);
  return end + 4 - data;
}

void became_ready(struct viewer *viewer) {
  viewer->state = WATCHING;
  connected += 1;
  settled();
}

void close_viewer(struct viewer *viewer) {
  if (viewer->state == CLOSED) return;
  bool was_watching = viewer->state == WATCHING;
  free(viewer->pending);
  viewer->pending = NULL;
  viewer->pending_length = 0;
  if (!was_watching) {
    give_up(viewer);
    return settled();
  }
  close(viewer->fd);
  viewer->fd = -1;
  viewer->state = CLOSED;
  connected -= 1;
  closed += 1;
}
