/* FreeLibrary with sockets and threads alive, and the end of a process that has them: neither crashes nor hangs. The library is
 * loaded at run time, and called once more from an atexit handler and, with the process's threads gone, from a destructor that
 * runs in ExitProcess. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include "../host.h"

#define LOAD(name) ((__typeof__(&name))(void (*)(void))GetProcAddress(library, #name))

static __typeof__(&ws_send_text) send_text;
static __typeof__(&ws_get_status) get_status;
static ws_socket *ws;
static volatile LONG messages;

static void on_message(ws_socket *socket, const ws_event *event, void *user_data)
{
    (void)socket, (void)event, (void)user_data;
    InterlockedIncrement(&messages);
}

/* In ExitProcess, with the loader's lock, and after the system has ended all other threads. */
static void NTAPI at_detach(PVOID module, DWORD reason, PVOID reserved)
{
    (void)module;
    if (reason != DLL_PROCESS_DETACH || reserved == NULL || send_text == NULL) return;
    ws_result result = send_text(ws, "too late", WS_NUL_TERMINATED);
    if (result != WS_ERR_SHUT_DOWN) {
        fprintf(stderr, "ws_send_text while the process ends: %d\n", result);
        TerminateProcess(GetCurrentProcess(), 3);
    }
}
/* The callbacks of the program's own module: the linker collects them. */
__attribute__((section(".CRT$XLY"), used)) static PIMAGE_TLS_CALLBACK detach = at_detach;

static void at_exit(void)
{
    CHECK(send_text(ws, "still", WS_NUL_TERMINATED) == WS_OK);
    CHECK(get_status(ws) == WS_STATUS_CONNECTED);
}

int main(void)
{
    HMODULE library = LoadLibraryW(L"ws4d.dll");
    CHECK(library != NULL);
    send_text = LOAD(ws_send_text);
    get_status = LOAD(ws_get_status);
    ws_handler handler = WS_HANDLER_INIT;
    handler.on_message = on_message;
    ws = LOAD(ws_new)(at("/echo"), &handler, NULL, NULL);
    CHECK(ws != NULL && send_text(ws, "hello", WS_NUL_TERMINATED) == WS_OK);
    CHECK(FreeLibrary(library));
    /* Its threads go on, and so does its code. */
    CHECK(send_text(ws, "hello", WS_NUL_TERMINATED) == WS_OK);
    while (messages < 2) Sleep(0);
    CHECK(atexit(at_exit) == 0);
    return 0;
}
