/* Stands in for libnvidia-ml.so.1: two GPUs whose power is known, counters that move every 100 ms.
   STUB_FAULT names what is wrong; stuck, reset and lost wait for the file STUB_TRIGGER, if set. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OK = 0, NOT_SUPPORTED = 3, NO_PERMISSION = 4, LOST = 15 };
enum { WINDOW_MS = 100 };
static const unsigned MILLIWATTS[] = {100000, 300000};
static double started;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int fault(const char *name) {
    const char *set = getenv("STUB_FAULT");
    return set && !strcmp(set, name);
}

static int late_fault(const char *name) {
    const char *trigger = getenv("STUB_TRIGGER");
    return fault(name) && (!trigger || !access(trigger, F_OK));
}

static unsigned index_of(void *gpu) { return (unsigned)((size_t)gpu - 1); }

int nvmlInitWithFlags(unsigned flags) {
    started = now();
    return fault("no_driver") ? 9 : OK;
}
int nvmlSystemGetDriverVersion(char *text, unsigned size) { strncpy(text, "580.1", size); return OK; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **gpu) {
    *gpu = (void *)(size_t)(index + 1);
    return OK;
}
int nvmlDeviceGetName(void *gpu, char *text, unsigned size) {
    strncpy(text, fault("mixed") && index_of(gpu) ? "Stub B" : "Stub A", size);
    return OK;
}
int nvmlDeviceGetUUID(void *gpu, char *text, unsigned size) {
    strncpy(text, index_of(gpu) ? "GPU-bbbb-1" : "GPU-aaaa-0", size);
    return OK;
}
int nvmlDeviceGetMigMode(void *gpu, unsigned *current, unsigned *pending) {
    *current = *pending = fault("mig");
    return fault("mig") ? OK : NOT_SUPPORTED;
}
int nvmlDeviceGetEnforcedPowerLimit(void *gpu, unsigned *milliwatts) {
    *milliwatts = 350000;
    return OK;
}
int nvmlDeviceGetPowerUsage(void *gpu, unsigned *milliwatts) {
    if (late_fault("lost")) return LOST;
    *milliwatts = MILLIWATTS[index_of(gpu)];
    return OK;
}
int nvmlDeviceGetTotalEnergyConsumption(void *gpu, unsigned long long *millijoules) {
    static double stopped;
    double seconds = now() - started + 1000;
    if (fault("no_counter")) return NOT_SUPPORTED;
    if (fault("no_permission")) return NO_PERMISSION;
    if (late_fault("lost")) return LOST;
    if (late_fault("stuck")) seconds = stopped = stopped ? stopped : seconds;
    if (late_fault("reset")) seconds -= 1000;
    if (fault("gain")) seconds *= 0.5;
    if (fault("zero")) seconds = 0;
    unsigned long long updates = seconds * 1000 / WINDOW_MS;
    *millijoules = updates * WINDOW_MS * MILLIWATTS[index_of(gpu)] / 1000;
    return OK;
}

/* Processes: STUB_PID0 and STUB_PID1 compute on the first and the second GPU. */
typedef struct { unsigned pid; unsigned long long memory; unsigned gpu, compute; } process;
int nvmlDeviceGetComputeRunningProcesses_v3(void *gpu, unsigned *count, process *found) {
    const char *set = getenv(index_of(gpu) ? "STUB_PID1" : "STUB_PID0");
    unsigned fits = *count;
    *count = set ? 1 : 0;
    if (*count > fits) return 7; /* NVML_ERROR_INSUFFICIENT_SIZE */
    if (set) found[0] = (process){(unsigned)atoi(set), 0, 0xFFFFFFFF, 0xFFFFFFFF};
    return OK;
}
