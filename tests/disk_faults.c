/* Faults of a disk, for tests: preloaded, it counts what a process tree writes below a folder, and at the N-th of these calls
 * either lets the call fail or cuts the power: the process group is killed. What was written and not synced by then stands in
 * a journal, from which tests/power_loss.py takes it away.
 *
 * FAULTS_STATE    file of `struct state`, shared by all processes
 * FAULTS_ROOT     the folder; calls on paths elsewhere are not counted
 * FAULTS_JOURNAL  folder on the same file system for the journal, and for second names of files that lose theirs
 *
 * Counted: write (also by stdio), sync, open that creates or empties, truncate, rename, link, unlink, mkdir, rmdir. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct state {
    uint64_t count;   /* calls so far */
    uint64_t target;  /* the call that is disturbed; 0 for none */
    int32_t error;    /* what it fails with; 0 for a loss of power */
    int32_t stays;    /* whether later calls that need space fail, too */
    int32_t lock;
    char what[200];   /* the call that was disturbed */
};

static struct state *state;
static char root[PATH_MAX], journal[PATH_MAX];
static size_t root_length;
static int log_file = -1;

#define REAL(name, type, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("FAULTS_STATE"), *folder = getenv("FAULTS_ROOT"), *kept = getenv("FAULTS_JOURNAL");
    if (!file || !folder || !kept) return;
    int descriptor = syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return;
    void *shared = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    syscall(SYS_close, descriptor);
    if (shared == MAP_FAILED) return;
    snprintf(root, sizeof root, "%s/", folder);
    root_length = strlen(root);
    snprintf(journal, sizeof journal, "%s", kept);
    char name[PATH_MAX + 8];
    snprintf(name, sizeof name, "%s/log", kept);
    int low = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    /* Out of the way of programs that close or reuse low descriptors. */
    log_file = fcntl(low, F_DUPFD_CLOEXEC, 900);
    syscall(SYS_close, low);
    state = shared;
}

static void acquire(void) {
    while (__atomic_exchange_n(&state->lock, 1, __ATOMIC_ACQUIRE)) sched_yield();
}

static void release(void) {
    __atomic_store_n(&state->lock, 0, __ATOMIC_RELEASE);
}

/* The absolute path, if it is below the folder. */
static int path_below(char *path, int folder, const char *name) {
    if (!state || !name) return 0;
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
    } else {
        char base[PATH_MAX];
        if (folder == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return 0;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
            ssize_t length = readlink(link, base, sizeof base - 1);
            if (length < 0) return 0;
            base[length] = 0;
        }
        if (snprintf(path, PATH_MAX, "%s/%s", base, name) >= PATH_MAX) return 0;
    }
    return strncmp(path, root, root_length) == 0;
}

static int file_below(char *path, int descriptor) {
    if (!state) return 0;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strncmp(path, root, root_length) == 0 ||
           (strlen(path) == root_length - 1 && strncmp(path, root, root_length - 1) == 0);
}

enum { OTHER, NEEDS_SPACE };

/* Count a call; with the lock held. Nonzero: it fails. */
static int is_disturbed(const char *call, const char *path, int kind) {
    uint64_t number = ++state->count;
    if (!state->target) return 0;
    int now = number == state->target, later = state->stays && number > state->target && kind == NEEDS_SPACE;
    if (!now && !later) return 0;
    if (now) snprintf(state->what, sizeof state->what, "%s %s", call, path + root_length);
    if (!state->error) {
        kill(0, SIGKILL);
        for (;;) pause();
    }
    if (now && state->stays && kind != NEEDS_SPACE) return 0;
    release();
    errno = state->error;
    return 1;
}

static void note(const char *format, ...) {
    char line[3 * PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    int before = errno;
    if (length > 0) syscall(SYS_write, log_file, line, (size_t)length);
    errno = before;
}

static uint64_t inode_of(const char *path) {
    struct stat found;
    return lstat(path, &found) == 0 ? found.st_ino : 0;
}

static uint64_t folder_of(const char *path, const char **name) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    *name = path + (slash - folder) + 1;
    *slash = 0;
    struct stat found;
    return stat(folder, &found) == 0 ? found.st_ino : 0;
}

/* Give a file that is about to lose its name another one. */
static uint64_t kept(const char *path) {
    struct stat found;
    if (lstat(path, &found) != 0 || S_ISDIR(found.st_mode)) return 0;
    char copy[PATH_MAX + 32];
    snprintf(copy, sizeof copy, "%s/%llu", journal, (unsigned long long)state->count);
    return syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, copy, 0) == 0 ? state->count : 0;
}

static off_t size_of(int descriptor, uint64_t *inode) {
    struct stat found;
    if (fstat(descriptor, &found) != 0) return 0;
    *inode = found.st_ino;
    return found.st_size;
}

/* Content, with the file's size before. Noted before the call: a write that is killed half-way counts. */
#define WRITING(name, descriptor, call) \
    char path[PATH_MAX]; \
    if (!file_below(path, descriptor)) return call; \
    acquire(); \
    if (is_disturbed(name, path, NEEDS_SPACE)) return -1; \
    uint64_t inode = 0; \
    off_t before = size_of(descriptor, &inode); \
    note("write\t%llu\t%lld\n", (unsigned long long)inode, (long long)before); \
    release(); \
    return call

ssize_t write(int descriptor, const void *from, size_t count) {
    REAL("write", ssize_t, int, const void *, size_t);
    WRITING("write", descriptor, real(descriptor, from, count));
}

ssize_t pwrite(int descriptor, const void *from, size_t count, off_t at) {
    REAL("pwrite", ssize_t, int, const void *, size_t, off_t);
    WRITING("write", descriptor, real(descriptor, from, count, at));
}

ssize_t pwrite64(int descriptor, const void *from, size_t count, off64_t at) {
    REAL("pwrite64", ssize_t, int, const void *, size_t, off64_t);
    WRITING("write", descriptor, real(descriptor, from, count, at));
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    REAL("writev", ssize_t, int, const struct iovec *, int);
    WRITING("write", descriptor, real(descriptor, parts, count));
}

ssize_t sendfile(int descriptor, int from, off_t *at, size_t count) {
    REAL("sendfile", ssize_t, int, int, off_t *, size_t);
    WRITING("write", descriptor, real(descriptor, from, at, count));
}

ssize_t sendfile64(int descriptor, int from, off64_t *at, size_t count) {
    REAL("sendfile64", ssize_t, int, int, off64_t *, size_t);
    WRITING("write", descriptor, real(descriptor, from, at, count));
}

ssize_t copy_file_range(int from, off64_t *from_at, int descriptor, off64_t *at, size_t count, unsigned flags) {
    REAL("copy_file_range", ssize_t, int, off64_t *, int, off64_t *, size_t, unsigned);
    WRITING("write", descriptor, real(from, from_at, descriptor, at, count, flags));
}

int ftruncate(int descriptor, off_t size) {
    REAL("ftruncate", int, int, off_t);
    WRITING("truncate", descriptor, real(descriptor, size));
}

int ftruncate64(int descriptor, off64_t size) {
    REAL("ftruncate64", int, int, off64_t);
    WRITING("truncate", descriptor, real(descriptor, size));
}

size_t fwrite(const void *from, size_t size, size_t count, FILE *stream) {
    REAL("fwrite", size_t, const void *, size_t, size_t, FILE *);
    char path[PATH_MAX];
    if (!file_below(path, fileno(stream))) return real(from, size, count, stream);
    acquire();
    if (is_disturbed("write", path, NEEDS_SPACE)) return 0;
    uint64_t inode = 0;
    off_t before = size_of(fileno(stream), &inode);
    note("write\t%llu\t%lld\n", (unsigned long long)inode, (long long)before);
    release();
    return real(from, size, count, stream);
}

#define SYNCING(call) \
    char path[PATH_MAX]; \
    if (!file_below(path, descriptor)) return call; \
    acquire(); \
    if (is_disturbed("sync", path, OTHER)) return -1; \
    uint64_t inode = 0; \
    size_of(descriptor, &inode); \
    int result = call; \
    if (result == 0) note("sync\t%llu\n", (unsigned long long)inode); \
    release(); \
    return result

int fsync(int descriptor) {
    REAL("fsync", int, int);
    SYNCING(real(descriptor));
}

int fdatasync(int descriptor) {
    REAL("fdatasync", int, int);
    SYNCING(real(descriptor));
}

/* Names. Each is noted after the call, with the folders' inodes. */
#define CREATING(call, failure) \
    char path[PATH_MAX]; \
    const char *name; \
    if (!(flags & (O_CREAT | O_TRUNC)) || !path_below(path, folder, file)) return call; \
    uint64_t older = inode_of(path); \
    if (older && !(flags & O_TRUNC)) return call; \
    acquire(); \
    if (is_disturbed(older ? "empty" : "create", path, NEEDS_SPACE)) return failure; \
    __typeof__(call) result = call; \
    if (result != failure) { \
        uint64_t parent = folder_of(path, &name); \
        if (older) note("write\t%llu\t0\n", (unsigned long long)older); \
        else note("create\t%llu\t%s\t%llu\n", (unsigned long long)parent, name, (unsigned long long)inode_of(path)); \
    } \
    release(); \
    return result

#define MODE \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list arguments; \
        va_start(arguments, flags); \
        mode = va_arg(arguments, mode_t); \
        va_end(arguments); \
    }

int open(const char *file, int flags, ...) {
    REAL("open", int, const char *, int, ...);
    MODE;
    int folder = AT_FDCWD;
    CREATING(real(file, flags, mode), -1);
}

int open64(const char *file, int flags, ...) {
    REAL("open64", int, const char *, int, ...);
    MODE;
    int folder = AT_FDCWD;
    CREATING(real(file, flags, mode), -1);
}

int openat(int folder, const char *file, int flags, ...) {
    REAL("openat", int, int, const char *, int, ...);
    MODE;
    CREATING(real(folder, file, flags, mode), -1);
}

int openat64(int folder, const char *file, int flags, ...) {
    REAL("openat64", int, int, const char *, int, ...);
    MODE;
    CREATING(real(folder, file, flags, mode), -1);
}

int creat(const char *file, mode_t mode) {
    return open(file, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

FILE *fopen(const char *file, const char *how) {
    REAL("fopen", FILE *, const char *, const char *);
    int folder = AT_FDCWD, flags = strchr(how, 'w') ? O_CREAT | O_TRUNC : strchr(how, 'a') ? O_CREAT : 0;
    CREATING(real(file, how), NULL);
}

FILE *fopen64(const char *file, const char *how) {
    REAL("fopen64", FILE *, const char *, const char *);
    int folder = AT_FDCWD, flags = strchr(how, 'w') ? O_CREAT | O_TRUNC : strchr(how, 'a') ? O_CREAT : 0;
    CREATING(real(file, how), NULL);
}

#define GIVING_A_NAME(what, folder, file, call) \
    char path[PATH_MAX]; \
    const char *name; \
    if (!path_below(path, folder, file)) return call; \
    acquire(); \
    if (is_disturbed(what, path, NEEDS_SPACE)) return -1; \
    int result = call; \
    if (result == 0) { \
        uint64_t parent = folder_of(path, &name); \
        note("create\t%llu\t%s\t%llu\n", (unsigned long long)parent, name, (unsigned long long)inode_of(path)); \
    } \
    release(); \
    return result

int mkdir(const char *file, mode_t mode) {
    REAL("mkdir", int, const char *, mode_t);
    int folder = AT_FDCWD;
    GIVING_A_NAME("mkdir", folder, file, real(file, mode));
}

int mkdirat(int folder, const char *file, mode_t mode) {
    REAL("mkdirat", int, int, const char *, mode_t);
    GIVING_A_NAME("mkdir", folder, file, real(folder, file, mode));
}

#define REMOVING(call_name, call) \
    char path[PATH_MAX]; \
    const char *name; \
    if (!path_below(path, folder, file)) return call; \
    acquire(); \
    if (is_disturbed(call_name, path, OTHER)) return -1; \
    uint64_t parent = folder_of(path, &name), inode = inode_of(path), copy = kept(path); \
    int result = call; \
    if (result == 0) \
        note("remove\t%llu\t%s\t%llu\t%llu\n", (unsigned long long)parent, name, (unsigned long long)inode, \
             (unsigned long long)copy); \
    release(); \
    return result

int unlink(const char *file) {
    REAL("unlink", int, const char *);
    int folder = AT_FDCWD;
    REMOVING("unlink", real(file));
}

int unlinkat(int folder, const char *file, int flags) {
    REAL("unlinkat", int, int, const char *, int);
    REMOVING(flags & AT_REMOVEDIR ? "rmdir" : "unlink", real(folder, file, flags));
}

int rmdir(const char *file) {
    REAL("rmdir", int, const char *);
    int folder = AT_FDCWD;
    REMOVING("rmdir", real(file));
}

int remove(const char *file) {
    REAL("remove", int, const char *);
    int folder = AT_FDCWD;
    REMOVING("unlink", real(file));
}

#define RENAMING(call) \
    char path[PATH_MAX], to[PATH_MAX]; \
    const char *name, *to_name; \
    int is_below = path_below(path, folder, file); \
    if (!path_below(to, to_folder, to_file) || !is_below) return call; \
    acquire(); \
    if (is_disturbed("rename", path, OTHER)) return -1; \
    uint64_t inode = inode_of(path), copy = kept(to), parent = folder_of(path, &name), to_parent = folder_of(to, &to_name); \
    int result = call; \
    if (result == 0) \
        note("rename\t%llu\t%s\t%llu\t%llu\t%s\t%llu\n", (unsigned long long)parent, name, (unsigned long long)inode, \
             (unsigned long long)to_parent, to_name, (unsigned long long)copy); \
    release(); \
    return result

int rename(const char *file, const char *to_file) {
    REAL("rename", int, const char *, const char *);
    int folder = AT_FDCWD, to_folder = AT_FDCWD;
    RENAMING(real(file, to_file));
}

int renameat(int folder, const char *file, int to_folder, const char *to_file) {
    REAL("renameat", int, int, const char *, int, const char *);
    RENAMING(real(folder, file, to_folder, to_file));
}

int renameat2(int folder, const char *file, int to_folder, const char *to_file, unsigned flags) {
    REAL("renameat2", int, int, const char *, int, const char *, unsigned);
    RENAMING(real(folder, file, to_folder, to_file, flags));
}

int link(const char *file, const char *to_file) {
    REAL("link", int, const char *, const char *);
    int to_folder = AT_FDCWD;
    GIVING_A_NAME("link", to_folder, to_file, real(file, to_file));
}

int linkat(int folder, const char *file, int to_folder, const char *to_file, int flags) {
    REAL("linkat", int, int, const char *, int, const char *, int);
    GIVING_A_NAME("link", to_folder, to_file, real(folder, file, to_folder, to_file, flags));
}

int symlink(const char *file, const char *to_file) {
    REAL("symlink", int, const char *, const char *);
    int to_folder = AT_FDCWD;
    GIVING_A_NAME("link", to_folder, to_file, real(file, to_file));
}
