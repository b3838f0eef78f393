/* ws_dispatcher_fd is a manual-reset event, signalled exactly while there is something to dispatch; signals do not exist. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include "../host.h"

static int is_signalled(HANDLE event) { return WaitForSingleObject(event, 0) == WAIT_OBJECT_0; }

int main(void)
{
    ws_dispatcher *dispatcher = ws_dispatcher_new();
    HANDLE event = (HANDLE)ws_dispatcher_fd(dispatcher);
    CHECK(event != INVALID_HANDLE_VALUE && event == (HANDLE)ws_dispatcher_fd(dispatcher));
    CHECK(!is_signalled(event));
    CHECK(ws_dispatcher_set_interruptible(dispatcher, 1) == WS_ERR_UNSUPPORTED);

    ws_handler handler = WS_HANDLER_INIT;
    handler.dispatcher = dispatcher;
    ws_socket *ws = ws_new(at("/echo"), &handler, NULL, NULL);
    CHECK(ws != NULL && !is_signalled(event));
    CHECK(ws_send_text(ws, "hello", WS_NUL_TERMINATED) == WS_OK);
    CHECK(WaitForSingleObject(event, PATIENCE_MS) == WAIT_OBJECT_0);
    CHECK(is_signalled(event)); /* no wait has reset it */
    CHECK(ws_dispatcher_dispatch(dispatcher, 0) == 1 && !is_signalled(event));
    CHECK(ws_terminate(ws, 1000, NULL) == WS_OK);
    CHECK(WaitForSingleObject(event, PATIENCE_MS) == WAIT_OBJECT_0);
    CHECK(ws_dispatcher_dispatch(dispatcher, 0) == 1 && !is_signalled(event));
    CHECK(ws_release(ws) == WS_OK && ws_dispatcher_close(dispatcher) == WS_OK);

    /* The owner of a driving dispatcher does the I/O itself: nobody would signal. A stop wakes it. */
    ws_dispatcher *driving = ws_dispatcher_new_driving();
    CHECK(driving != NULL && ws_dispatcher_fd(driving) == -1);
    CHECK(ws_dispatcher_close(driving) == WS_OK);
    return 0;
}
