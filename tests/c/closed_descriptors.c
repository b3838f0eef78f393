/* A program that closes all descriptors, also those of the library, as some do that become a daemon. That is its mistake; but
 * it does not end the process, and ws_shutdown lets the library begin anew. */
#include "host.h"

#include <dirent.h>
#include <sched.h>
#include <sys/wait.h>

/* Waits until all other threads sleep: one that runs may be just about to open or to close a descriptor. */
static void until_all_sleep(void)
{
    int awake;
    do {
        struct dirent *entry;
        DIR *tasks = opendir("/proc/self/task");
        CHECK(tasks != NULL);
        awake = -1;
        while ((entry = readdir(tasks)) != NULL) {
            char path[300], state = 'S';
            snprintf(path, sizeof path, "/proc/self/task/%s/stat", entry->d_name);
            FILE *stat = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
            if (stat == NULL) continue;
            CHECK(fscanf(stat, "%*d (%*[^)]) %c", &state) == 1);
            fclose(stat);
            awake += state != 'S';
        }
        closedir(tasks);
        sched_yield();
    } while (awake > 0);
}

static void quiet(int32_t level, const char *component, const char *message, void *user_data)
{
    (void)level, (void)component, (void)message, (void)user_data;
}

static void talk(struct host *host)
{
    ws_socket *ws = host_connect(host, at("/echo"), NULL);
    CHECK(ws_send_text(ws, "a", 1) == WS_OK);
    host_wait(host, 'm');
    CHECK(ws_release(ws) == WS_OK);
}

static void close_all_and_begin_anew(ws_dispatcher *(*make)(void))
{
    static struct host before, between, after;
    ws_errors *errors = NULL;
    /* What it says of its broken pollers is not of interest. */
    ws_set_log(WS_LOG_LEVEL_ERROR, quiet, NULL);
    host_init(&before, make == NULL ? NULL : make());
    talk(&before);
    until_all_sleep();
    for (int fd = 3; fd < 1024; fd++) close(fd);

    /* Nothing works, nothing is promised, and all of it returns. */
    host_init(&between, before.dispatcher);
    ws_handler handler = host_handler(&between);
    ws_new_async(at("/echo"), &handler, NULL, &errors);
    ws_errors_free(errors);
    if (before.dispatcher != NULL) CHECK(ws_dispatcher_close(before.dispatcher) == WS_OK);
    CHECK(ws_shutdown(PATIENCE_MS) == WS_OK);

    host_init(&after, make == NULL ? NULL : make());
    talk(&after);
    if (after.dispatcher != NULL) CHECK(ws_dispatcher_close(after.dispatcher) == WS_OK);
    CHECK(ws_shutdown(PATIENCE_MS) == WS_OK);
    CHECK_ENDED(&after, "omtf", 1006);
}

int main(void)
{
    ws_dispatcher *(*const makers[])(void) = {NULL, ws_dispatcher_new, ws_dispatcher_new_driving};
    /* What the threads with closed descriptors had stays for good. */
    if (getenv("WS4D_TEST_VALGRIND") != NULL) return 0;
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        int status = 0;
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            alarm(PATIENCE_SECONDS);
            close_all_and_begin_anew(makers[i]);
            _exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child);
        snprintf(doing, sizeof doing, "way %zu, wait status %d", i, status);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    return 0;
}
