/* What befalls an event, and what is written down of it; see shim.c. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind {
    OPEN = 1, READ = 2, WRITE = 4, SYNC = 8, RENAME = 16, UNLINK = 32, TRUNCATE = 64, STAT = 128,
    MAP = 256, FOLDER = 512, LIST = 1024, LINK = 2048, LOCK = 4096, MODE = 8192,
    CREATE = 1 << 14, /* only logged: a file came to be */
};
enum mode { COUNT, ONCE, ON, KILL, TORN, LOST };
enum { PROCEED = 0, HALF = -1, PRETEND = -2 };

struct record { uint32_t kind, path_bytes; uint64_t inode, offset, data_bytes; };

#define MOST_FILES 4096
static char folder[PATH_MAX], *paths[MOST_FILES];
static unsigned kinds;
static long at, seen;
static int error, mode, lost, log_to = -1;
static long long clock_offset_s, clock_step_s;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) \
    ({ static __typeof__(&name) found; \
       if (!found) found = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
       found; })

void faults_arm(const char *below, unsigned of_kinds, long number, int with_error, int in_mode) {
    snprintf(folder, sizeof folder, "%s", below);
    kinds = of_kinds, at = number, error = with_error, mode = in_mode, seen = 0, lost = 0;
}
long faults_seen(void) { return seen; }
void faults_log(int descriptor) { log_to = descriptor; }
void faults_clock(long long offset_s, long long step_s) {
    clock_offset_s = offset_s, clock_step_s = step_s;
}

static long number_of(const char *name) {
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : 0;
}
__attribute__((constructor)) static void arm_from_environment(void) {
    const char *below = getenv("FAULTS_FOLDER");
    faults_clock(number_of("FAULTS_CLOCK_OFFSET_S"), number_of("FAULTS_CLOCK_STEP_S"));
    if (below)
        faults_arm(below, (unsigned)number_of("FAULTS_KINDS"), number_of("FAULTS_AT"),
                   (int)number_of("FAULTS_ERRNO"), (int)number_of("FAULTS_MODE"));
}

static void die(void) { kill(getpid(), SIGKILL); for (;;) pause(); }

/* The path if it lies in the folder (made absolute in `room`), else NULL. */
static const char *watched(int base, const char *path, char *room) {
    if (!folder[0] || !path) return NULL;
    if (path[0] != '/') {
        char link[64];
        snprintf(link, sizeof link, base == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", base);
        ssize_t length = readlink(link, room, PATH_MAX);
        if (length < 0 || length + strlen(path) + 2 > PATH_MAX) return NULL;
        room[length] = '/';
        strcpy(room + length + 1, path);
        path = room;
    }
    size_t length = strlen(folder);
    return !strncmp(path, folder, length) && (path[length] == '/' || !path[length]) ? path : NULL;
}
static const char *path_of(int fd) { return fd >= 0 && fd < MOST_FILES ? paths[fd] : NULL; }
static void note(int fd, const char *path) {
    if (fd < 0 || fd >= MOST_FILES) return;
    free(paths[fd]);
    paths[fd] = path ? strdup(path) : NULL;
}
static uint64_t inode_of(int fd, const char *path) {
    struct stat info;
    int failed = fd >= 0 ? REAL(fstat)(fd, &info) : REAL(lstat)(path, &info);
    return failed ? 0 : info.st_ino;
}
static void log_event(unsigned kind, const char *path, uint64_t inode, off_t offset,
                      const void *data, size_t length) {
    if (log_to < 0) return;
    struct record head = {kind, (uint32_t)strlen(path), inode, (uint64_t)offset, length};
    struct iovec parts[] = {
        {&head, sizeof head}, {(void *)path, head.path_bytes}, {(void *)data, length}};
    if (REAL(writev)(log_to, parts, 3) < 0) die();
}

/* What is to happen to an event: PROCEED, HALF, PRETEND, or the errno to fail with. */
static int event(unsigned kind, int fd, const char *path, off_t offset, const void *data,
                 size_t length) {
    if (!path) return PROCEED;
    int saved = errno, verdict = PROCEED;
    pthread_mutex_lock(&lock);
    if (log_to >= 0) log_event(kind, path, inode_of(fd, path), offset, data, length);
    if (lost && (kind == SYNC || ++lost > 8)) die();
    if (kinds & kind) {
        long number = ++seen;
        if (mode != COUNT && at && (number == at || (mode == ON && number > at))) {
            if (mode == KILL || (mode == TORN && kind != WRITE)) die();
            verdict = mode == TORN ? HALF : error;
            if (mode == LOST) {
                if (kind != RENAME) die();
                lost = 1, verdict = PRETEND;
            }
        }
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
    return verdict;
}
#define FAIL_IF(kind, fd, path, offset, data, length, failed) \
    do { int verdict_ = event(kind, fd, path, offset, data, length); \
         if (verdict_ > 0) { errno = verdict_; return failed; } \
         if (verdict_ == PRETEND) return 0; } while (0)
