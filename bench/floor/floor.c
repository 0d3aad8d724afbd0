/* The floor: what the kernel asks for one message to many, and nothing else.
 *
 * A server for the load generator in plain C: it accepts WebSockets and POSTs. Without
 * a second argument each POST is one send() per page, at once. With "join" the texts
 * that came in one turn of epoll (up to 16 writers: up to 16 texts) are one send() per
 * page. Pages are blocking sockets: no queue, no limit, no close.
 *
 * usage: floor PORT [join]
 */
#define _GNU_SOURCE
#include "sha1.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAXIMUM_FDS = 1 << 17, FRAMES_BYTES = 1 << 16, REQUEST_BYTES = 1 << 14 };

static int epoll_fd, listener, pages[MAXIMUM_FDS];
static unsigned page_count;
static bool joins;
static unsigned char frames[FRAMES_BYTES];
static size_t frames_bytes;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void watch(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
}

static void base64(const unsigned char *data, size_t bytes, char *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes; i += 3) {
        uint32_t group = (uint32_t)data[i] << 16;
        if (i + 1 < bytes) group |= (uint32_t)data[i + 1] << 8;
        if (i + 2 < bytes) group |= data[i + 2];
        *out++ = digits[group >> 18];
        *out++ = digits[group >> 12 & 63];
        *out++ = i + 1 < bytes ? digits[group >> 6 & 63] : '=';
        *out++ = i + 2 < bytes ? digits[group & 63] : '=';
    }
    *out = 0;
}

static void send_all(int fd, const void *data, size_t bytes) {
    const unsigned char *at = data;
    while (bytes) {
        ssize_t done = send(fd, at, bytes, MSG_NOSIGNAL);
        if (done <= 0) return;
        at += done;
        bytes -= (size_t)done;
    }
}

static void upgrade(int fd, const char *request) {
    char text[128], accept_key[32], answer[256];
    unsigned char digest[20];
    const char *key = strcasestr(request, "\r\nsec-websocket-key: ");
    if (!key || page_count == MAXIMUM_FDS) return;
    int bytes = snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 21);
    sha1(text, (size_t)bytes, digest);
    base64(digest, 20, accept_key);
    bytes = snprintf(answer, sizeof answer,
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: %s\r\n\r\n",
                     accept_key);
    send_all(fd, answer, (size_t)bytes);
    pages[page_count++] = fd;
}

static void flush_frames(void) {
    for (unsigned i = 0; i < page_count && frames_bytes; i++) send_all(pages[i], frames, frames_bytes);
    frames_bytes = 0;
}

static void take_text(const char *text, size_t bytes) {
    if (bytes > 125 || frames_bytes + bytes + 2 > FRAMES_BYTES) return;
    frames[frames_bytes++] = 0x81;
    frames[frames_bytes++] = (unsigned char)bytes;
    memcpy(frames + frames_bytes, text, bytes);
    frames_bytes += bytes;
    if (!joins) flush_frames();
}

static void readable(int fd) {
    static char request[REQUEST_BYTES];
    ssize_t got = recv(fd, request, sizeof request - 1, 0);
    if (got <= 0) {
        close(fd);
        return;
    }
    request[got] = 0;
    const char *body = strstr(request, "\r\n\r\n");
    if (!body) return;
    if (request[0] == 'G') {
        upgrade(fd, request);
        return;
    }
    take_text(body + 4, (size_t)(request + got - body - 4));
    send_all(fd, "HTTP/1.1 204 No Content\r\n\r\n", 27);
}

static void accept_all(void) {
    int fd, one = 1;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        watch(fd);
    }
}

int main(int argc, char **argv) {
    if (argc < 2) return fprintf(stderr, "usage: floor PORT [join]\n"), 2;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    joins = argc > 2;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
    if (listen(listener, 4096) < 0) fail("listen");
    epoll_fd = epoll_create1(0);
    watch(listener);
    struct epoll_event events[256];
    for (;;) {
        int count = epoll_wait(epoll_fd, events, 256, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener) accept_all();
            else readable(events[i].data.fd);
        }
        flush_frames();
    }
}
