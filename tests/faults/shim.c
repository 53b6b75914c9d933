/* Faults at the file layer, for LD_PRELOAD: Python, SQLite and FAISS all pass through here.

   Calls on paths below one folder, and on descriptors opened there, are events. They are counted,
   and the n-th of the chosen kinds fails, kills the process, or is lost. With a log, each event is
   written down before it takes place, so that any state of the disk can be made again from it.
   What a process does itself by `faults_arm` it can be told by the environment too. */

#include "events.h"

/* Opening and closing. */
static int opened(int fd, const char *path, int created) {
    if (fd < 0 || !path) return fd;
    note(fd, path);
    if (created && log_to >= 0) {
        pthread_mutex_lock(&lock);
        log_event(CREATE, path, inode_of(fd, path), 0, "", 0);
        pthread_mutex_unlock(&lock);
    }
    return fd;
}
static int is_new(const char *path, int flags) {
    return path && (flags & O_CREAT) && log_to >= 0 && !inode_of(-1, path);
}
#define OPENING(base, path, flags, call) \
    char room[PATH_MAX * 2]; \
    const char *place = watched(base, path, room); \
    FAIL_IF(OPEN, -1, place, flags, "", 0, -1); \
    if (place && (flags & O_TRUNC)) log_truncation(place); \
    int fresh = is_new(place, flags); \
    return opened(call, place, fresh)
#define MODE_OF(flags) \
    mode_t bits = 0; \
    if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) { \
        va_list rest; va_start(rest, flags); bits = va_arg(rest, mode_t); va_end(rest); }
static void log_truncation(const char *path) {
    uint64_t inode = log_to >= 0 ? inode_of(-1, path) : 0;
    if (inode) log_event(TRUNCATE, path, inode, 0, "", 0);
}
int open(const char *path, int flags, ...) {
    MODE_OF(flags) OPENING(AT_FDCWD, path, flags, REAL(open)(path, flags, bits));
}
int open64(const char *path, int flags, ...) {
    MODE_OF(flags) OPENING(AT_FDCWD, path, flags, REAL(open64)(path, flags, bits));
}
int openat(int base, const char *path, int flags, ...) {
    MODE_OF(flags) OPENING(base, path, flags, REAL(openat)(base, path, flags, bits));
}
int openat64(int base, const char *path, int flags, ...) {
    MODE_OF(flags) OPENING(base, path, flags, REAL(openat64)(base, path, flags, bits));
}
int close(int fd) { note(fd, NULL); return REAL(close)(fd); }

/* C streams, as FAISS uses them: their own calls of the system do not pass through here. */
static int flags_of(const char *how) {
    return how[0] == 'r' ? O_RDONLY : O_WRONLY | O_CREAT | (how[0] == 'w' ? O_TRUNC : 0);
}
#define OPENING_STREAM(name) \
    char room[PATH_MAX * 2]; \
    const char *place = watched(AT_FDCWD, path, room); \
    FAIL_IF(OPEN, -1, place, flags_of(how), "", 0, NULL); \
    if (place && how[0] == 'w') log_truncation(place); \
    int fresh = is_new(place, flags_of(how)); \
    FILE *stream = REAL(name)(path, how); \
    if (stream) opened(fileno(stream), place, fresh); \
    return stream
FILE *fopen(const char *path, const char *how) { OPENING_STREAM(fopen); }
FILE *fopen64(const char *path, const char *how) { OPENING_STREAM(fopen64); }
int fclose(FILE *stream) { note(fileno(stream), NULL); return REAL(fclose)(stream); }
size_t fread(void *data, size_t size, size_t count, FILE *stream) {
    FAIL_IF(READ, fileno(stream), path_of(fileno(stream)), 0, "", 0, 0);
    return REAL(fread)(data, size, count, stream);
}
size_t fwrite(const void *data, size_t size, size_t count, FILE *stream) {
    const char *path = path_of(fileno(stream));
    if (!path) return REAL(fwrite)(data, size, count, stream);
    int verdict = event(WRITE, fileno(stream), path, ftello(stream), data, size * count);
    if (verdict == HALF) {
        REAL(fwrite)(data, 1, size * count / 2, stream);
        fflush(stream);
        die();
    }
    if (verdict > 0) { errno = verdict; return 0; }
    return REAL(fwrite)(data, size, count, stream);
}

/* Reading and writing. */
#define WRITING(offset, whole, half) \
    const char *path = path_of(fd); \
    if (!path) return whole; \
    int verdict = event(WRITE, fd, path, offset, data, length); \
    if (verdict == HALF) { if (half < 0) {} die(); } \
    if (verdict > 0) { errno = verdict; return -1; } \
    return whole
static off_t place_in(int fd) {
    int appends = fcntl(fd, F_GETFL) & O_APPEND;
    return lseek(fd, 0, appends ? SEEK_END : SEEK_CUR);
}
ssize_t write(int fd, const void *data, size_t length) {
    WRITING(place_in(fd), REAL(write)(fd, data, length), REAL(write)(fd, data, length / 2));
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    WRITING(offset, REAL(pwrite)(fd, data, length, offset),
            REAL(pwrite)(fd, data, length / 2, offset));
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    WRITING(offset, REAL(pwrite64)(fd, data, length, offset),
            REAL(pwrite64)(fd, data, length / 2, offset));
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    FAIL_IF(WRITE, fd, path_of(fd), 0, "", 0, -1);
    return REAL(writev)(fd, parts, count);
}
ssize_t read(int fd, void *data, size_t length) {
    FAIL_IF(READ, fd, path_of(fd), 0, "", 0, -1);
    return REAL(read)(fd, data, length);
}
ssize_t pread(int fd, void *data, size_t length, off_t offset) {
    FAIL_IF(READ, fd, path_of(fd), offset, "", 0, -1);
    return REAL(pread)(fd, data, length, offset);
}
ssize_t pread64(int fd, void *data, size_t length, off64_t offset) {
    FAIL_IF(READ, fd, path_of(fd), offset, "", 0, -1);
    return REAL(pread64)(fd, data, length, offset);
}
#define ON_DESCRIPTOR(result, name, kind, declared, given, offset) \
    result name declared { \
        FAIL_IF(kind, fd, path_of(fd), offset, "", 0, -1); return REAL(name) given; }
ON_DESCRIPTOR(int, fsync, SYNC, (int fd), (fd), 0)
ON_DESCRIPTOR(int, fdatasync, SYNC, (int fd), (fd), 0)
ON_DESCRIPTOR(int, ftruncate, TRUNCATE, (int fd, off_t size), (fd, size), size)
ON_DESCRIPTOR(int, ftruncate64, TRUNCATE, (int fd, off64_t size), (fd, size), size)
ON_DESCRIPTOR(int, fchmod, MODE, (int fd, mode_t bits), (fd, bits), 0)
ON_DESCRIPTOR(int, fstat, STAT, (int fd, struct stat *info), (fd, info), 0)
ON_DESCRIPTOR(int, fstat64, STAT, (int fd, struct stat64 *info), (fd, info), 0)
#define LOCKING(name) \
    int name(int fd, int command, ...) { \
        va_list rest; va_start(rest, command); void *third = va_arg(rest, void *); va_end(rest); \
        if ((command == F_SETLK || command == F_SETLKW) && \
            ((struct flock *)third)->l_type != F_UNLCK) \
            FAIL_IF(LOCK, fd, path_of(fd), 0, "", 0, -1); \
        return REAL(name)(fd, command, third); }
LOCKING(fcntl)
LOCKING(fcntl64)
#define MAPPING(name, offset_type) \
    void *name(void *where, size_t length, int how, int flags, int fd, offset_type offset) { \
        FAIL_IF(MAP, fd, path_of(fd), offset, "", 0, MAP_FAILED); \
        return REAL(name)(where, length, how, flags, fd, offset); }
MAPPING(mmap, off_t)
MAPPING(mmap64, off64_t)

/* Names. */
#define ON_PATH(result, name, kind, base, declared, given) \
    result name declared { \
        char room[PATH_MAX * 2]; \
        FAIL_IF(kind, -1, watched(base, path, room), 0, "", 0, (result)-1); \
        return REAL(name) given; }
ON_PATH(int, stat, STAT, AT_FDCWD, (const char *path, struct stat *info), (path, info))
ON_PATH(int, stat64, STAT, AT_FDCWD, (const char *path, struct stat64 *info), (path, info))
ON_PATH(int, lstat, STAT, AT_FDCWD, (const char *path, struct stat *info), (path, info))
ON_PATH(int, lstat64, STAT, AT_FDCWD, (const char *path, struct stat64 *info), (path, info))
ON_PATH(int, fstatat, STAT, base, (int base, const char *path, struct stat *info, int flags),
        (base, path, info, flags))
ON_PATH(int, fstatat64, STAT, base, (int base, const char *path, struct stat64 *info, int flags),
        (base, path, info, flags))
ON_PATH(int, access, STAT, AT_FDCWD, (const char *path, int how), (path, how))
ON_PATH(int, chmod, MODE, AT_FDCWD, (const char *path, mode_t bits), (path, bits))
ON_PATH(int, unlink, UNLINK, AT_FDCWD, (const char *path), (path))
ON_PATH(int, unlinkat, UNLINK, base, (int base, const char *path, int flags), (base, path, flags))
ON_PATH(int, mkdir, FOLDER, AT_FDCWD, (const char *path, mode_t bits), (path, bits))
ON_PATH(int, rmdir, UNLINK, AT_FDCWD, (const char *path), (path))
#define ON_TWO_PATHS(name, kind, declared, given, from_base, to_base) \
    int name declared { \
        char room[PATH_MAX * 2], other[PATH_MAX * 2]; \
        const char *target = watched(to_base, to, other); \
        FAIL_IF(kind, -1, watched(from_base, from, room), 0, target, target ? strlen(target) : 0, \
                -1); \
        return REAL(name) given; }
ON_TWO_PATHS(rename, RENAME, (const char *from, const char *to), (from, to), AT_FDCWD, AT_FDCWD)
ON_TWO_PATHS(renameat, RENAME, (int base, const char *from, int target_base, const char *to),
             (base, from, target_base, to), base, target_base)
ON_TWO_PATHS(renameat2, RENAME,
             (int base, const char *from, int target_base, const char *to, unsigned flags),
             (base, from, target_base, to, flags), base, target_base)
ON_TWO_PATHS(link, LINK, (const char *from, const char *to), (from, to), AT_FDCWD, AT_FDCWD)
ON_TWO_PATHS(linkat, LINK,
             (int base, const char *from, int target_base, const char *to, int flags),
             (base, from, target_base, to, flags), base, target_base)

/* Folders. */
DIR *opendir(const char *path) {
    char room[PATH_MAX * 2];
    const char *place = watched(AT_FDCWD, path, room);
    FAIL_IF(LIST, -1, place, 0, "", 0, NULL);
    DIR *listing = REAL(opendir)(path);
    if (listing && place) note(dirfd(listing), place);
    return listing;
}
int closedir(DIR *listing) { note(dirfd(listing), NULL); return REAL(closedir)(listing); }
struct dirent *readdir(DIR *listing) {
    FAIL_IF(LIST, dirfd(listing), path_of(dirfd(listing)), 0, "", 0, NULL);
    return REAL(readdir)(listing);
}
struct dirent64 *readdir64(DIR *listing) {
    FAIL_IF(LIST, dirfd(listing), path_of(dirfd(listing)), 0, "", 0, NULL);
    return REAL(readdir64)(listing);
}

/* The clock: set off by so much, and gone back by so much more at each look. */
static long long shift_s(void) {
    long long now = clock_offset_s;
    clock_offset_s -= clock_step_s;
    return now;
}
int clock_gettime(clockid_t which, struct timespec *now) {
    int failed = REAL(clock_gettime)(which, now);
    if (!failed && which == CLOCK_REALTIME) now->tv_sec += shift_s();
    return failed;
}
int gettimeofday(struct timeval *now, void *zone) {
    int failed = REAL(gettimeofday)(now, zone);
    if (!failed) now->tv_sec += shift_s();
    return failed;
}
time_t time(time_t *where) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (where) *where = now.tv_sec;
    return now.tv_sec;
}
