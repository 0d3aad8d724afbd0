/* Commands on standard input, one JSON object for each on standard output. */
#define _GNU_SOURCE
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in server_address;
uint16_t pages_port, writers_port;
char host_header[64];
int epoll_fd;
struct tally tally;
unsigned current_run;

static bool has_input;
static double cpu_at_start;
static uint64_t started_at;

uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

void fail(const char *what) {
    perror(what);
    exit(1);
}

int connect_to_server(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0) fail("socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    server_address.sin_port = htons(port);
    if (connect(fd, (struct sockaddr *)&server_address, sizeof server_address) < 0 && errno != EINPROGRESS)
        fail("connect");
    return fd;
}

void watch(struct source *source, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, source->fd, &event) < 0) fail("epoll_ctl");
}

void change_watch(struct source *source, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0) fail("epoll_ctl");
}

void pump(int timeout_ms) {
    static struct epoll_event events[1024];
    int count = epoll_wait(epoll_fd, events, 1024, timeout_ms);
    for (int i = 0; i < count; i++) {
        struct source *source = events[i].data.ptr;
        if (source->kind == KIND_PAGE) pages_event(source, events[i].events);
        else if (source->kind == KIND_WRITER) writers_event(source, events[i].events);
        else has_input = true;
    }
}

static double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void start_run(void) {
    current_run = (current_run + 1) & 255;
    pages_start_run();
    writers_start_run();
    cpu_at_start = cpu_seconds();
    started_at = now_ns();
}

/* Handle events until everything sent has come, or nothing came for stall seconds. */
static void drain(uint64_t expected, double stall, double at_most) {
    uint64_t give_up = now_ns() + (uint64_t)(at_most * 1e9);
    while (tally.delivered + tally.misordered < expected && now_ns() < give_up) {
        pump(100);
        uint64_t since = tally.last_ns > started_at ? tally.last_ns : started_at;
        if (now_ns() - since > (uint64_t)(stall * 1e9)) break;
    }
}

static void report_run(const char *name, uint64_t end_ns) {
    double wall = (double)(now_ns() - started_at) / 1e9;
    double seconds = end_ns > started_at ? (double)(end_ns - started_at) / 1e9 : wall;
    pages_count_missing(writers_sent);
    printf("{\"command\": \"%s\", \"pages\": %u, \"closed\": %u, \"posts\": %llu, \"refused\": %llu, "
           "\"delivered\": %llu, \"seconds\": %.4f, \"per_second\": %.1f, \"lost\": %llu, "
           "\"misordered\": %llu, \"stale\": %llu, \"latency_p50_ms\": %.3f, \"latency_p99_ms\": %.3f, "
           "\"answer_p50_ms\": %.3f, \"answer_p99_ms\": %.3f, \"reads\": %llu, \"client_cpu\": %.3f",
           name, pages_open_count(), pages_closed_count(), (unsigned long long)writers_answered,
           (unsigned long long)writers_refused, (unsigned long long)tally.delivered, seconds,
           (double)tally.delivered / seconds, (unsigned long long)tally.gaps,
           (unsigned long long)tally.misordered, (unsigned long long)tally.stale,
           histogram_ms(&tally.latency, 0.5), histogram_ms(&tally.latency, 0.99),
           histogram_ms(&writers_answer_time, 0.5), histogram_ms(&writers_answer_time, 0.99),
           (unsigned long long)tally.reads, (cpu_seconds() - cpu_at_start) / wall);
}

static void command_open(const char *file, unsigned window, const char *rule) {
    enum ready_rule ready = READY_AT_HANDSHAKE;
    if (strcmp(rule, "hello") == 0) ready = READY_AT_FIRST_TEXT;
    if (strcmp(rule, "socketio") == 0) ready = READY_AT_SOCKETIO;
    start_run();
    pages_open(file, window, ready);
    double seconds = (double)(now_ns() - started_at) / 1e9;
    printf("{\"command\": \"open\", \"pages\": %u, \"closed\": %u, \"seconds\": %.4f, "
           "\"per_second\": %.1f, \"client_cpu\": %.3f}\n",
           pages_open_count(), pages_closed_count(), seconds, pages_open_count() / seconds,
           (cpu_seconds() - cpu_at_start) / seconds);
}

static void wait_until(uint64_t then) {
    while (now_ns() < then) pump((int)((then - now_ns()) / 1000000 + 1));
}

static void wait_for_answers(unsigned writers, double at_most) {
    uint64_t give_up = now_ns() + (uint64_t)(at_most * 1e9);
    for (unsigned w = 0; w < writers; w++) {
        while (!writer_is_idle(w) && now_ns() < give_up) pump(50);
    }
}

/* Writers take turns: one text, wait until the last page has it, pause. */
static void command_fanout(unsigned count, unsigned pause_ms, unsigned writers) {
    static struct histogram last_of_all;
    histogram_clear(&last_of_all);
    start_run();
    for (unsigned i = 0; i < count; i++) {
        uint64_t begun = now_ns(), before = tally.delivered;
        writers_post(i % writers);
        uint64_t give_up = begun + 10000000000ull;
        while (tally.delivered < before + pages_open_count() && now_ns() < give_up) pump(100);
        histogram_add(&last_of_all, tally.last_ns > begun ? tally.last_ns - begun : 10000000000ull);
        wait_for_answers(writers, 10);
        wait_until(now_ns() + pause_ms * 1000000ull);
    }
    report_run("fanout", now_ns());
    printf(", \"fanout_p50_ms\": %.3f, \"fanout_p99_ms\": %.3f}\n", histogram_ms(&last_of_all, 0.5),
           histogram_ms(&last_of_all, 0.99));
}

static void command_saturate(unsigned writers, double seconds) {
    start_run();
    writers_keep_going = true;
    for (unsigned w = 0; w < writers; w++) writers_post(w);
    wait_until(started_at + (uint64_t)(seconds * 1e9));
    writers_keep_going = false;
    wait_for_answers(writers, 20);
    uint64_t posted = 0;
    for (unsigned w = 0; w < writers; w++) posted += writers_sent[w];
    drain(posted * pages_open_count(), 5, 60);
    report_run("saturate", tally.last_ns);
    printf(", \"writers\": %u}\n", writers);
}

/* Only count: somebody else sends. Run 0 is the feeder's; another load generator that has had as
   many commands sends in the run that begins here. */
static void command_listen(const char *name, double seconds, bool is_feeders) {
    start_run();
    unsigned run = current_run;
    if (is_feeders) current_run = 0;
    uint64_t cap = started_at + (uint64_t)(seconds * 1e9);
    while (now_ns() < cap) {
        pump(50);
        if (tally.delivered && now_ns() - tally.last_ns > 1000000000ull) break;
    }
    started_at = tally.first_ns ? tally.first_ns : started_at;
    report_run(name, tally.last_ns);
    printf("}\n");
    current_run = run;
}

static void command_idle(double seconds) {
    start_run();
    wait_until(started_at + (uint64_t)(seconds * 1e9));
    report_run("idle", 0);
    printf("}\n");
}

static bool run_command(char *line) {
    char text[512] = "", rule[32] = "";
    unsigned a = 0, b = 0, c = 1;
    double seconds = 0;
    line[strcspn(line, "\n")] = 0;
    if (sscanf(line, "open %511s %u %31s", text, &a, rule) == 3) command_open(text, a, rule);
    else if (sscanf(line, "fanout %u %u %u", &a, &b, &c) >= 2) command_fanout(a, b, c);
    else if (sscanf(line, "saturate %u %lf", &a, &seconds) == 2) command_saturate(a, seconds);
    else if (sscanf(line, "listen %lf", &seconds) == 1) command_listen("listen", seconds, true);
    else if (sscanf(line, "follow %lf", &seconds) == 1) command_listen("follow", seconds, false);
    else if (sscanf(line, "idle %lf", &seconds) == 1) command_idle(seconds);
    else if (sscanf(line, "target %511s", text) == 1) writers_target(text), printf("{}\n");
    else if (sscanf(line, "header %u %511[^\n]", &a, text) == 2) writers_header(a, text), printf("{}\n");
    else if (sscanf(line, "busy %u %511s", &a, text) == 2) writers_busy(a, text), printf("{}\n");
    else if (sscanf(line, "post_to %u", &a) == 1) writers_port = (uint16_t)a, printf("{}\n");
    else if (strcmp(line, "unbusy") == 0) writers_stop_busy(), printf("{}\n");
    else if (strcmp(line, "quit") == 0) return false;
    else printf("{\"error\": \"unknown command\"}\n");
    fflush(stdout);
    return true;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: load PORT [CORE]\n");
        return 2;
    }
    struct rlimit files = {1 << 17, 1 << 17};
    if (setrlimit(RLIMIT_NOFILE, &files) < 0) {
        getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (argc > 2) {
        cpu_set_t cores;
        CPU_ZERO(&cores);
        CPU_SET(atoi(argv[2]), &cores);
        if (sched_setaffinity(0, sizeof cores, &cores) < 0) fail("sched_setaffinity");
    }
    server_address.sin_family = AF_INET;
    pages_port = writers_port = (uint16_t)atoi(argv[1]);
    server_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(host_header, sizeof host_header, "localhost:%s", argv[1]);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct source input = {KIND_STDIN, 0};
    watch(&input, EPOLLIN | EPOLLONESHOT);
    char line[1024];
    setvbuf(stdin, NULL, _IONBF, 0);
    for (;;) {
        has_input = false;
        change_watch(&input, EPOLLIN | EPOLLONESHOT);
        while (!has_input) pump(-1);
        if (!fgets(line, sizeof line, stdin) || !run_command(line)) return 0;
    }
}
