/* The pages: open WebSockets, take frames apart, check every text. */
#define _GNU_SOURCE
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum state { PAGE_CONNECTING, PAGE_HANDSHAKE, PAGE_WAITING, PAGE_READY, PAGE_CLOSED };

struct page {
    struct source source;
    enum state state;
    char *path; /* and, after a tab, one more header line */
    unsigned char *rest;
    unsigned rest_bytes;
    uint32_t last[MAXIMUM_WRITERS];
};

enum { BUFFER_BYTES = 1 << 20 };

static struct page *pages;
static unsigned page_count, next_page, pending, ready, closed;
static enum ready_rule ready_rule;
static unsigned char buffer[BUFFER_BYTES];
static signed char hex[256];

static void fill_hex(void) {
    memset(hex, -1, sizeof hex);
    for (int i = 0; i < 16; i++) hex[(unsigned char)"0123456789abcdef"[i]] = (signed char)i;
}

static uint64_t from_hex(const unsigned char *text, unsigned digits) {
    uint64_t value = 0;
    for (unsigned i = 0; i < digits; i++) value = value << 4 | (uint64_t)(hex[text[i]] & 15);
    return value;
}

/* Say why the first few pages ended: a load test must not lose pages in silence. */
static void say_why(const struct page *page, const char *why, unsigned code) {
    static unsigned said;
    if (said++ < 5) fprintf(stderr, "page %ld ended: %s %u\n", (long)(page - pages), why, code);
}

static void page_close(struct page *page) {
    if (page->state == PAGE_CLOSED) return;
    if (page->state == PAGE_READY) ready--;
    else pending--;
    page->state = PAGE_CLOSED;
    closed++;
    close(page->source.fd);
    free(page->rest);
    page->rest = NULL;
    page->rest_bytes = 0;
}

static void page_ready(struct page *page) {
    if (page->state == PAGE_READY || page->state == PAGE_CLOSED) return;
    page->state = PAGE_READY;
    pending--;
    ready++;
}

/* Send one masked frame of at most 125 bytes; the mask is zero, which is allowed. */
static void page_send(struct page *page, int opcode, const void *payload, unsigned bytes) {
    unsigned char frame[6 + 125] = {(unsigned char)(0x80 | opcode), (unsigned char)(0x80 | bytes)};
    memcpy(frame + 6, payload, bytes);
    if (send(page->source.fd, frame, 6 + bytes, MSG_NOSIGNAL) < 0) page_close(page);
}

static void page_take_mark(struct page *page, const unsigned char *mark, uint64_t now) {
    unsigned writer = (unsigned)from_hex(mark + 1, 2), run = (unsigned)from_hex(mark + 3, 2);
    uint32_t number = (uint32_t)from_hex(mark + 5, 6);
    if (run != current_run || writer >= MAXIMUM_WRITERS) {
        tally.stale++;
        return;
    }
    uint32_t last = page->last[writer];
    if (number <= last) {
        tally.misordered++;
        return;
    }
    tally.gaps += number - last - 1;
    page->last[writer] = number;
    tally.delivered++;
    if (tally.first_ns == 0) tally.first_ns = now;
    tally.last_ns = now;
    uint64_t sent_at = from_hex(mark + 11, 16);
    histogram_add(&tally.latency, now > sent_at ? now - sent_at : 0);
}

static void page_take_text(struct page *page, const unsigned char *text, size_t bytes, uint64_t now) {
    const unsigned char *mark = memchr(text, '~', bytes);
    if (mark && (size_t)(text + bytes - mark) >= MARK_BYTES && mark[MARK_BYTES - 1] == '~') {
        page_take_mark(page, mark, now);
        return;
    }
    if (ready_rule == READY_AT_FIRST_TEXT) page_ready(page);
    if (ready_rule != READY_AT_SOCKETIO || bytes == 0) return;
    if (text[0] == '0') page_send(page, 1, "40", 2);
    if (text[0] == '2') page_send(page, 1, "3", 1);
    if (text[0] == '4' && bytes > 1 && text[1] == '0') page_ready(page);
}

static void page_take_frame(struct page *page, int opcode, const unsigned char *payload, size_t bytes,
                            uint64_t now) {
    switch (opcode) {
    case 1: page_take_text(page, payload, bytes, now); break;
    case 9: page_send(page, 10, payload, bytes > 125 ? 125 : (unsigned)bytes); break;
    case 8:
        say_why(page, "close frame", bytes >= 2 ? (unsigned)payload[0] << 8 | payload[1] : 0);
        page_close(page);
        break;
    default: break;
    }
}

/* Take whole frames from data; return how many bytes they were. */
static size_t page_take_frames(struct page *page, const unsigned char *data, size_t bytes, uint64_t now) {
    size_t at = 0;
    while (bytes - at >= 2 && page->state != PAGE_CLOSED) {
        size_t head = 2, length = data[at + 1] & 127;
        if (length == 126) head = 4;
        if (length == 127) head = 10;
        if (bytes - at < head) break;
        if (head == 4) length = (size_t)data[at + 2] << 8 | data[at + 3];
        if (head == 10) length = (size_t)ntohl(*(const uint32_t *)(data + at + 6));
        if (bytes - at - head < length) break;
        page_take_frame(page, data[at] & 15, data + at + head, length, now);
        at += head + length;
    }
    return at;
}

static size_t page_take_handshake(struct page *page, const unsigned char *data, size_t bytes) {
    const unsigned char *end = memmem(data, bytes, "\r\n\r\n", 4);
    if (!end) return 0;
    if (bytes < 12 || memcmp(data + 9, "101", 3) != 0) {
        fprintf(stderr, "handshake refused: %.*s\n", 40, (const char *)data);
        page_close(page);
        return bytes;
    }
    page->state = PAGE_WAITING;
    if (ready_rule == READY_AT_HANDSHAKE) page_ready(page);
    return (size_t)(end + 4 - data);
}

static void page_keep_rest(struct page *page, const unsigned char *data, size_t bytes) {
    if (page->state == PAGE_CLOSED) return;
    if (bytes == 0) {
        free(page->rest);
        page->rest = NULL;
    } else {
        page->rest = realloc(page->rest, bytes);
        memcpy(page->rest, data, bytes);
    }
    page->rest_bytes = (unsigned)bytes;
}

static void page_readable(struct page *page) {
    size_t kept = page->rest_bytes;
    if (kept) memcpy(buffer, page->rest, kept);
    ssize_t got = recv(page->source.fd, buffer + kept, BUFFER_BYTES - kept, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        say_why(page, got < 0 ? strerror(errno) : "end of file, state", page->state);
        page_close(page);
        return;
    }
    tally.reads++;
    size_t bytes = kept + (size_t)got, used = 0;
    if (page->state == PAGE_HANDSHAKE) used = page_take_handshake(page, buffer, bytes);
    if (page->state != PAGE_HANDSHAKE) used += page_take_frames(page, buffer + used, bytes - used, now_ns());
    if (kept || used < bytes) page_keep_rest(page, buffer + used, bytes - used);
}

static void page_greet(struct page *page) {
    char request[2048];
    char *more = strchr(page->path, '\t');
    int path_bytes = more ? (int)(more - page->path) : (int)strlen(page->path);
    int bytes = snprintf(request, sizeof request,
                         "GET %.*s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Origin: http://%s\r\nSec-WebSocket-Version: 13\r\n"
                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s\r\n",
                         path_bytes, page->path, host_header, host_header, more ? more + 1 : "",
                         more ? "\r\n" : "");
    if (send(page->source.fd, request, (size_t)bytes, MSG_NOSIGNAL) != bytes) {
        page_close(page);
        return;
    }
    page->state = PAGE_HANDSHAKE;
    change_watch(&page->source, EPOLLIN);
}

void pages_event(struct source *source, uint32_t events) {
    struct page *page = (struct page *)source;
    if (page->state == PAGE_CLOSED) return;
    if (page->state == PAGE_CONNECTING && events & EPOLLOUT) page_greet(page);
    else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) page_readable(page);
}

static void page_start(struct page *page) {
    page->source.kind = KIND_PAGE;
    page->source.fd = connect_to_server(pages_port);
    page->state = PAGE_CONNECTING;
    pending++;
    watch(&page->source, EPOLLOUT);
}

static void read_paths(const char *file) {
    FILE *lines = fopen(file, "r");
    if (!lines) fail(file);
    char *line = NULL;
    size_t size = 0;
    unsigned room = 0;
    ssize_t bytes;
    while ((bytes = getline(&line, &size, lines)) > 0) {
        if (line[bytes - 1] == '\n') line[bytes - 1] = 0;
        if (page_count == room) {
            room = room ? room * 2 : 1024;
            pages = realloc(pages, room * sizeof *pages);
        }
        memset(&pages[page_count], 0, sizeof *pages);
        pages[page_count++].path = strdup(line);
    }
    free(line);
    fclose(lines);
}

/* Open one page for each line of file, at most `window` of them on their way. */
void pages_open(const char *file, unsigned window, enum ready_rule rule) {
    if (page_count) fail("pages are open already");
    fill_hex();
    ready_rule = rule;
    read_paths(file);
    uint64_t give_up = now_ns() + 120ull * 1000000000;
    while (ready + closed < page_count && now_ns() < give_up) {
        while (next_page < page_count && pending < window) page_start(&pages[next_page++]);
        pump(1000);
    }
}

void pages_start_run(void) {
    struct histogram *latency = &tally.latency;
    histogram_clear(latency);
    memset(&tally, 0, offsetof(struct tally, latency));
    for (unsigned i = 0; i < page_count; i++) memset(pages[i].last, 0, sizeof pages[i].last);
}

void pages_count_missing(const uint32_t *sent) {
    for (unsigned i = 0; i < page_count; i++) {
        for (unsigned w = 0; w < MAXIMUM_WRITERS; w++) {
            if (pages[i].last[w] < sent[w]) tally.gaps += sent[w] - pages[i].last[w];
        }
    }
}

unsigned pages_open_count(void) { return ready; }
unsigned pages_closed_count(void) { return closed; }
