/* win32_loop: a window's message loop. Way 1 waits for messages and for the dispatcher's event at once
 * (MsgWaitForMultipleObjects); way 2 has the library post a message to the window (PostMessage), which is what a program
 * does whose loop is somebody else's.      usage: win32_loop 1|2 ws://127.0.0.1:8080/echo */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <ws4d.h>

#define WM_NETWORK (WM_APP + 1)

static ws_dispatcher *dispatcher;

/* On any thread, also inside a call of the library's: it posts, and does nothing else. */
static void wake(void *window)
{
    PostMessageW((HWND)window, WM_NETWORK, 0, 0);
}

static LRESULT CALLBACK procedure(HWND window, UINT message, WPARAM w, LPARAM l)
{
    if (message != WM_NETWORK) return DefWindowProcW(window, message, w, l);
    ws_dispatcher_dispatch(dispatcher, 0);
    return 0;
}

static void on_message(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)user_data;
    printf("the server says: %s\n", (const char *)ws_event_data(event, NULL));
    if (ws_terminate(ws, 1000, "bye") != WS_OK) ws_abort(ws);
}

static void on_terminate(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws;
    *(int *)user_data = ws_event_was_clean(event);
    printf("closed: %d\n", ws_event_code(event));
    PostQuitMessage(0);
}

int main(int argc, char **argv)
{
    int way = argc == 3 ? atoi(argv[1]) : 0;
    if (way != 1 && way != 2) return fprintf(stderr, "usage: win32_loop 1|2 ws://host[:port]/path\n"), 2;

    WNDCLASSW window_class = { 0 };
    window_class.lpfnWndProc = procedure;
    window_class.hInstance = GetModuleHandleW(NULL);
    window_class.lpszClassName = L"ws4d";
    if (RegisterClassW(&window_class) == 0) return 1;
    /* One that is never shown: it only receives messages. */
    HWND window = CreateWindowExW(0, L"ws4d", L"ws4d", 0, 0, 0, 0, 0, HWND_MESSAGE, NULL, window_class.hInstance, NULL);
    if (window == NULL) return 1;

    int clean = 0;
    ws_handler handler = WS_HANDLER_INIT;
    handler.user_data = &clean;
    handler.dispatcher = dispatcher = way == 1 ? ws_dispatcher_new() : ws_dispatcher_new_with_wake(wake, window);
    handler.on_message = on_message;
    handler.on_terminate = on_terminate;
    ws_socket *ws = ws_new_async(argv[2], &handler, NULL, NULL);
    /* What is sent while it connects waits for the connection. */
    if (ws == NULL || ws_send_text(ws, "hello, world", WS_NUL_TERMINATED) != WS_OK) PostQuitMessage(1);

    /* Signalled exactly while there is something to dispatch; the library owns it. */
    HANDLE network = way == 1 ? (HANDLE)ws_dispatcher_fd(dispatcher) : NULL;
    MSG message = { 0 };
    while (message.message != WM_QUIT) {
        if (way == 2) {
            if (GetMessageW(&message, NULL, 0, 0) > 0) DispatchMessageW(&message);
            continue;
        }
        DWORD ready = MsgWaitForMultipleObjects(1, &network, FALSE, INFINITE, QS_ALLINPUT);
        if (ready == WAIT_OBJECT_0) ws_dispatcher_dispatch(dispatcher, 0);
        while (message.message != WM_QUIT && PeekMessageW(&message, NULL, 0, 0, PM_REMOVE)) DispatchMessageW(&message);
    }
    ws_release(ws);
    ws_dispatcher_close(dispatcher);
    DestroyWindow(window);
    ws_shutdown(5000);
    return clean ? 0 : 1;
}
