#include "support/fault_vfs.h"

#include <sqlite3.h>
#include <stddef.h>
#include <string.h>

fault_switches fault_vfs;

typedef struct fault_file {
    sqlite3_file base;
    const char *name;
    sqlite3_file *real; /* behind this struct */
} fault_file;

static sqlite3_vfs layer;
static sqlite3_vfs *below;

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((fault_file *)f)->real;
}

static int fault(sqlite3_file *f, atomic_int *which)
{
    int rc = atomic_load(which);
    const char *in_name = atomic_load(&fault_vfs.in_name);
    const char *name = ((fault_file *)f)->name;
    if (rc == SQLITE_OK || (in_name && (!name || !strstr(name, in_name))))
        return SQLITE_OK;
    if (atomic_load(&fault_vfs.after) > 0 && atomic_fetch_sub(&fault_vfs.after, 1) > 0)
        return SQLITE_OK;
    atomic_fetch_add(&fault_vfs.failed, 1);
    return rc;
}

static int f_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    int rc = fault(f, &fault_vfs.read);
    return rc ? rc : real_of(f)->pMethods->xRead(real_of(f), p, n, at);
}

static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    int rc = fault(f, &fault_vfs.write);
    return rc ? rc : real_of(f)->pMethods->xWrite(real_of(f), p, n, at);
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int rc = fault(f, &fault_vfs.truncate);
    return rc ? rc : real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int f_sync(sqlite3_file *f, int flags)
{
    int rc = fault(f, &fault_vfs.sync);
    return rc ? rc : real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int f_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int f_lock(sqlite3_file *f, int how)
{
    return real_of(f)->pMethods->xLock(real_of(f), how);
}

static int f_unlock(sqlite3_file *f, int how)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), how);
}

static int f_reserved(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int f_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int f_device(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}

static int f_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void f_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int f_shm_unmap(sqlite3_file *f, int remove)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* without xFetch: no mapped files */
    .xClose = f_close,
    .xRead = f_read,
    .xWrite = f_write,
    .xTruncate = f_truncate,
    .xSync = f_sync,
    .xFileSize = f_size,
    .xLock = f_lock,
    .xUnlock = f_unlock,
    .xCheckReservedLock = f_reserved,
    .xFileControl = f_control,
    .xSectorSize = f_sector,
    .xDeviceCharacteristics = f_device,
    .xShmMap = f_shm_map,
    .xShmLock = f_shm_lock,
    .xShmBarrier = f_shm_barrier,
    .xShmUnmap = f_shm_unmap,
};

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
    (void)vfs;
    fault_file *file = (fault_file *)f;
    file->name = name;
    file->real = (sqlite3_file *)(file + 1);
    int rc = below->xOpen(below, name, file->real, flags, out_flags);
    file->base.pMethods = file->real->pMethods ? &methods : NULL;
    return rc;
}

void fault_vfs_install(void)
{
    if (below)
        return;
    below = sqlite3_vfs_find(NULL);
    layer = *below;
    layer.zName = "fault";
    layer.szOsFile = below->szOsFile + (int)sizeof(fault_file);
    layer.xOpen = open_file;
    layer.pNext = NULL;
    sqlite3_vfs_register(&layer, 1);
}

void fault_vfs_clear(void)
{
    atomic_store(&fault_vfs.write, SQLITE_OK);
    atomic_store(&fault_vfs.sync, SQLITE_OK);
    atomic_store(&fault_vfs.truncate, SQLITE_OK);
    atomic_store(&fault_vfs.read, SQLITE_OK);
    atomic_store(&fault_vfs.after, 0);
    atomic_store(&fault_vfs.in_name, NULL);
    atomic_store(&fault_vfs.failed, 0);
}
