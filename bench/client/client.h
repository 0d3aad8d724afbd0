/* The load generator: N pages on WebSockets, 1 to 16 writers that POST texts.
 *
 * One thread, one epoll. A text is 64 bytes that start with a mark:
 *     ~ WW RR NNNNNN TTTTTTTTTTTTTTTT ~ xxxxx...
 * (without the blanks; hexadecimal): the writer, the run, the writer's own count
 * within the run, and the time of the POST in nanoseconds of CLOCK_MONOTONIC. Each
 * page checks that every writer's count grows by one.
 */
#ifndef CHANNELSHIM_BENCH_CLIENT_H
#define CHANNELSHIM_BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"

enum { MAXIMUM_WRITERS = 16, TEXT_BYTES = 64, MARK_BYTES = 28, MAXIMUM_BUSY = 64 };

enum ready_rule { READY_AT_HANDSHAKE, READY_AT_FIRST_TEXT, READY_AT_SOCKETIO };

enum kind { KIND_STDIN, KIND_PAGE, KIND_WRITER };

/* What epoll hands back: every pollable object starts with this. */
struct source {
    enum kind kind;
    int fd;
};

/* What the pages saw since the last start_run(). */
struct tally {
    uint64_t delivered;
    uint64_t gaps;       /* messages jumped over */
    uint64_t misordered; /* counts that went back or came twice */
    uint64_t reads;      /* recv calls that brought something */
    uint64_t stale;      /* of an earlier run */
    uint64_t first_ns, last_ns;
    struct histogram latency;
};

extern uint16_t pages_port, writers_port;
extern char host_header[64];
extern int epoll_fd;
extern struct tally tally;
extern unsigned current_run;

uint64_t now_ns(void);
void fail(const char *what);
int connect_to_server(uint16_t port);
void watch(struct source *source, uint32_t events);
void change_watch(struct source *source, uint32_t events);
/* Handle what epoll has, waiting at most `timeout_ms` (-1: for ever). */
void pump(int timeout_ms);

/* pages.c */
void pages_open(const char *file, unsigned window, enum ready_rule rule);
void pages_event(struct source *source, uint32_t events);
void pages_start_run(void);
/* Count as gaps what `sent[w]` says was sent and never came. */
void pages_count_missing(const uint32_t *sent);
unsigned pages_open_count(void);
unsigned pages_closed_count(void);

/* writers.c */
void writers_target(const char *path);
void writers_header(unsigned writer, const char *line);
void writers_post(unsigned writer);
void writers_event(struct source *source, uint32_t events);
void writers_start_run(void);
void writers_busy(unsigned count, const char *path);
void writers_stop_busy(void);
bool writer_is_idle(unsigned writer);
extern uint32_t writers_sent[MAXIMUM_WRITERS];
extern uint64_t writers_answered, writers_refused;
extern struct histogram writers_answer_time;
/* While set, a writer posts again as soon as it was answered. */
extern bool writers_keep_going;

#endif
