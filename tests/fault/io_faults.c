/* Lets calls that write files fail on cue, for everything in a process that goes through libc: SQLite, tantivy, LadybugDB, Python.
 *
 * Preloaded into a child of the tests. Counted are write, pwrite, writev, ftruncate, fallocate, and apart from them fsync and fdatasync,
 * on files and folders below a folder. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char below[4096];
static atomic_long writes, write_from, write_for, syncs, sync_from, sync_for;
static atomic_int write_error, sync_error, folder_failed;

/* From the `from`th call on (1 = the next), `count` of them fail with `error`; from = 0: none. Counting begins anew. */
void io_faults_writes(const char *folder, long from, long count, int error) {
    strncpy(below, folder, sizeof below - 1);
    write_from = 0;
    writes = 0;
    write_for = count;
    write_error = error;
    write_from = from;
}

void io_faults_syncs(const char *folder, long from, long count, int error) {
    strncpy(below, folder, sizeof below - 1);
    sync_from = 0;
    syncs = 0;
    sync_for = count;
    sync_error = error;
    folder_failed = 0;
    sync_from = from;
}

long io_faults_written(void) { return writes; }
long io_faults_synced(void) { return syncs; }

/* Whether the last call that was made to fail was one on a folder. */
int io_faults_on_folder(void) { return folder_failed; }

static int ours(int fd) {
    char link[64], path[4096];
    if (!below[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return !strncmp(path, below, strlen(below));
}

static int fails(int fd, atomic_long *seen, long from, long count, int error) {
    if (!from || !ours(fd)) return 0;
    long now = atomic_fetch_add(seen, 1) + 1;
    if (now < from || now - from >= count) return 0;
    struct stat told;
    folder_failed = !fstat(fd, &told) && S_ISDIR(told.st_mode);
    errno = error;
    return 1;
}

#define WRITE_FAILS(fd) fails(fd, &writes, write_from, write_for, write_error)
#define SYNC_FAILS(fd) fails(fd, &syncs, sync_from, sync_for, sync_error)
#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    return WRITE_FAILS(fd) ? -1 : real(fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    REAL(pwrite);
    return WRITE_FAILS(fd) ? -1 : real(fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    REAL(pwrite64);
    return WRITE_FAILS(fd) ? -1 : real(fd, data, size, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    return WRITE_FAILS(fd) ? -1 : real(fd, parts, count);
}

int ftruncate(int fd, off_t size) {
    REAL(ftruncate);
    return WRITE_FAILS(fd) ? -1 : real(fd, size);
}

int ftruncate64(int fd, off64_t size) {
    REAL(ftruncate64);
    return WRITE_FAILS(fd) ? -1 : real(fd, size);
}

int posix_fallocate(int fd, off_t at, off_t size);
int posix_fallocate(int fd, off_t at, off_t size) {
    REAL(posix_fallocate);
    return WRITE_FAILS(fd) ? errno : real(fd, at, size);
}

int fsync(int fd) {
    REAL(fsync);
    return SYNC_FAILS(fd) ? -1 : real(fd);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    return SYNC_FAILS(fd) ? -1 : real(fd);
}
