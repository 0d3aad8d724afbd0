/* The writers: HTTP/1.1 connections that POST one text after the other. */
#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct writer {
    struct source source;
    unsigned number;
    bool is_idle, is_busy_maker;
    uint64_t asked_at;
    char *header;
    char answer[65536];
    size_t answer_bytes;
};

static struct writer writers[MAXIMUM_WRITERS + MAXIMUM_BUSY];
static char target[512] = "/send", busy_path[512];
static bool keep_busy;

uint32_t writers_sent[MAXIMUM_WRITERS];
uint64_t writers_answered, writers_refused;
struct histogram writers_answer_time;
bool writers_keep_going;

void writers_target(const char *path) { snprintf(target, sizeof target, "%s", path); }

void writers_header(unsigned writer, const char *line) {
    free(writers[writer].header);
    writers[writer].header = strdup(line);
}

static void writer_connect(struct writer *writer) {
    writer->source.kind = KIND_WRITER;
    writer->source.fd = connect_to_server(writers_port);
    writer->answer_bytes = 0;
    watch(&writer->source, EPOLLIN);
}

static void writer_write(struct writer *writer, const char *request, size_t bytes) {
    if (!writer->source.fd) writer_connect(writer);
    ssize_t done = send(writer->source.fd, request, bytes, MSG_NOSIGNAL);
    while (done < 0 && (errno == EAGAIN || errno == ENOTCONN)) {
        usleep(50);
        done = send(writer->source.fd, request, bytes, MSG_NOSIGNAL);
    }
    if (done != (ssize_t)bytes) fail("POST");
    writer->is_idle = false;
}

void writers_post(unsigned number) {
    struct writer *writer = &writers[number];
    char text[TEXT_BYTES + 1], request[2048];
    writer->number = number;
    writer->asked_at = now_ns();
    int marked = snprintf(text, sizeof text, "~%02x%02x%06x%016llx~", number, current_run & 255,
                          ++writers_sent[number], (unsigned long long)writer->asked_at);
    memset(text + marked, 'x', (size_t)(TEXT_BYTES - marked));
    int bytes = snprintf(request, sizeof request,
                         "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: text/plain;charset=UTF-8\r\n"
                         "Content-Length: %d\r\n%s%s\r\n%.*s",
                         target, host_header, TEXT_BYTES, writer->header ? writer->header : "",
                         writer->header ? "\r\n" : "", TEXT_BYTES, text);
    writer_write(writer, request, (size_t)bytes);
}

static void writer_ask_busy(struct writer *writer) {
    char request[1024];
    int bytes = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", busy_path, host_header);
    writer_write(writer, request, (size_t)bytes);
}

/* The answer's length in bytes, or 0 while it is not whole. */
static size_t answer_length(const struct writer *writer) {
    const char *end = memmem(writer->answer, writer->answer_bytes, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = (size_t)(end + 4 - writer->answer);
    const char *length = strcasestr(writer->answer, "\r\ncontent-length:");
    if (length && length < end) {
        size_t whole = head + strtoul(length + 17, NULL, 10);
        return writer->answer_bytes >= whole ? whole : 0;
    }
    const char *chunked = strcasestr(writer->answer, "\r\ntransfer-encoding: chunked");
    if (chunked && chunked < end) {
        const char *last = memmem(end, writer->answer_bytes - head + 4, "\r\n0\r\n\r\n", 7);
        return last ? (size_t)(last + 7 - writer->answer) : 0;
    }
    return head;
}

static void writer_answered(struct writer *writer) {
    bool is_good = writer->answer[9] == '2';
    writer->answer_bytes = 0;
    writer->is_idle = true;
    if (writer->is_busy_maker) {
        if (keep_busy) writer_ask_busy(writer);
        return;
    }
    histogram_add(&writers_answer_time, now_ns() - writer->asked_at);
    if (is_good) writers_answered++;
    else writers_refused++;
    if (writers_keep_going) writers_post(writer->number);
}

static void writer_hung_up(struct writer *writer) {
    bool has_answer = writer->answer_bytes > 12;
    close(writer->source.fd);
    writer->source.fd = 0;
    if (has_answer && !writer->is_idle) writer_answered(writer);
    else writer->is_idle = true;
}

void writers_event(struct source *source, uint32_t events) {
    struct writer *writer = (struct writer *)source;
    (void)events;
    size_t room = sizeof writer->answer - 1 - writer->answer_bytes;
    ssize_t got = recv(source->fd, writer->answer + writer->answer_bytes, room, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        writer_hung_up(writer);
        return;
    }
    writer->answer_bytes += (size_t)got;
    writer->answer[writer->answer_bytes] = 0;
    if (answer_length(writer)) writer_answered(writer);
}

void writers_start_run(void) {
    memset(writers_sent, 0, sizeof writers_sent);
    writers_answered = writers_refused = 0;
    histogram_clear(&writers_answer_time);
}

bool writer_is_idle(unsigned writer) { return writers[writer].is_idle || !writers[writer].source.fd; }

void writers_busy(unsigned count, const char *path) {
    snprintf(busy_path, sizeof busy_path, "%s", path);
    keep_busy = true;
    for (unsigned i = 0; i < count && i < MAXIMUM_BUSY; i++) {
        struct writer *writer = &writers[MAXIMUM_WRITERS + i];
        writer->is_busy_maker = true;
        writer_ask_busy(writer);
    }
}

void writers_stop_busy(void) {
    keep_busy = false;
    uint64_t give_up = now_ns() + 5000000000ull;
    for (unsigned i = MAXIMUM_WRITERS; i < MAXIMUM_WRITERS + MAXIMUM_BUSY; i++) {
        while (writers[i].source.fd && !writers[i].is_idle && now_ns() < give_up) pump(50);
    }
}
