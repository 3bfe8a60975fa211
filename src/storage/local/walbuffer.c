#include "storage/local/walbuffer.h"

#include <string.h>

typedef struct walfile {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
    char *kept;         /* NULL: nothing was written yet */
    sqlite3_int64 at;   /* where in the file the kept bytes belong */
    int n, cap;
} walfile;

static walfile *self(sqlite3_file *f)
{
    return (walfile *)f;
}

static const sqlite3_io_methods *below_of(const walfile *w)
{
    return w->real->pMethods;
}

/* Writes what is kept; keeps nothing afterwards, whatever comes of it. */
static int flush(walfile *w)
{
    int n = w->n;
    w->n = 0;
    return n ? below_of(w)->xWrite(w->real, w->kept, n, w->at) : SQLITE_OK;
}

static int reserve(walfile *w, sqlite3_int64 n)
{
    if (n <= w->cap)
        return 1;
    int cap = w->cap ? w->cap : 15 << 10; /* doubled to PF_WALBUFFER_MAX */
    while (cap < n)
        cap *= 2;
    char *bigger = sqlite3_realloc(w->kept, cap);
    if (!bigger)
        return 0;
    w->kept = bigger;
    w->cap = cap;
    return 1;
}

static int wal_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    walfile *w = self(f);
    int follows = w->n && at >= w->at && at <= w->at + w->n && at + n - w->at <= PF_WALBUFFER_MAX;
    int rc = follows ? SQLITE_OK : flush(w);
    if (rc)
        return rc;
    if (!follows)
        w->at = at;
    sqlite3_int64 end = at + n - w->at;
    if (end > PF_WALBUFFER_MAX || !reserve(w, end)) {
        rc = flush(w);
        return rc ? rc : below_of(w)->xWrite(w->real, p, n, at);
    }
    memcpy(w->kept + (at - w->at), p, (size_t)n);
    if (end > w->n)
        w->n = (int)end;
    return SQLITE_OK;
}

static int wal_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    walfile *w = self(f);
    if (w->n && at >= w->at && at + n <= w->at + w->n) {
        memcpy(p, w->kept + (at - w->at), (size_t)n);
        return SQLITE_OK;
    }
    int apart = at >= w->at + w->n || at + n <= w->at;
    int rc = apart ? SQLITE_OK : flush(w);
    return rc ? rc : below_of(w)->xRead(w->real, p, n, at);
}

static int wal_sync(sqlite3_file *f, int flags)
{
    int rc = flush(self(f));
    return rc ? rc : below_of(self(f))->xSync(self(f)->real, flags);
}

static int wal_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int rc = flush(self(f));
    return rc ? rc : below_of(self(f))->xTruncate(self(f)->real, size);
}

static int wal_size(sqlite3_file *f, sqlite3_int64 *size)
{
    walfile *w = self(f);
    int rc = below_of(w)->xFileSize(w->real, size);
    if (!rc && w->n && *size < w->at + w->n)
        *size = w->at + w->n;
    return rc;
}

/* What was not synced was not committed. Still, leave the file as it would be without this layer. */
static int wal_close(sqlite3_file *f)
{
    walfile *w = self(f);
    flush(w);
    sqlite3_free(w->kept);
    return below_of(w)->xClose(w->real);
}

static int wal_lock(sqlite3_file *f, int how)
{
    return below_of(self(f))->xLock(self(f)->real, how);
}

static int wal_unlock(sqlite3_file *f, int how)
{
    return below_of(self(f))->xUnlock(self(f)->real, how);
}

static int wal_reserved(sqlite3_file *f, int *out)
{
    return below_of(self(f))->xCheckReservedLock(self(f)->real, out);
}

static int wal_control(sqlite3_file *f, int op, void *arg)
{
    return below_of(self(f))->xFileControl(self(f)->real, op, arg);
}

static int wal_sector(sqlite3_file *f)
{
    return below_of(self(f))->xSectorSize(self(f)->real);
}

static int wal_device(sqlite3_file *f)
{
    return below_of(self(f))->xDeviceCharacteristics(self(f)->real);
}

static const sqlite3_io_methods methods = {
    .iVersion = 1, /* a log has neither shared memory nor mapped pages of its own */
    .xClose = wal_close,
    .xRead = wal_read,
    .xWrite = wal_write,
    .xTruncate = wal_truncate,
    .xSync = wal_sync,
    .xFileSize = wal_size,
    .xLock = wal_lock,
    .xUnlock = wal_unlock,
    .xCheckReservedLock = wal_reserved,
    .xFileControl = wal_control,
    .xSectorSize = wal_sector,
    .xDeviceCharacteristics = wal_device,
};

static sqlite3_vfs layer, *below;

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
    (void)vfs;
    if (!(flags & SQLITE_OPEN_WAL))
        return below->xOpen(below, name, f, flags, out_flags);
    walfile *w = self(f);
    *w = (walfile){.real = (sqlite3_file *)(w + 1)};
    int rc = below->xOpen(below, name, w->real, flags, out_flags);
    w->base.pMethods = w->real->pMethods ? &methods : NULL;
    return rc;
}

int pf_walbuffer_register(void)
{
    below = sqlite3_vfs_find(NULL);
    if (!below)
        return SQLITE_ERROR;
    layer = *below;
    layer.zName = PF_WALBUFFER_VFS;
    layer.szOsFile = below->szOsFile + (int)sizeof(walfile);
    layer.xOpen = open_file;
    layer.pNext = NULL;
    return sqlite3_vfs_register(&layer, 0);
}
