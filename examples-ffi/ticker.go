// ticker: quotes over WebSocket, from Go by cgo.      usage: ticker ws://host[:port]/ticker QUOTES
package main

/*
#cgo LDFLAGS: -lws4d
#include <stdlib.h>
#include <ws4d.h>

static ws_handler pulled_by(ws_dispatcher *d) {
	ws_handler handler = WS_HANDLER_INIT;
	handler.dispatcher = d;
	return handler;
}
*/
import "C"

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"unsafe"
)

func printErrors(errors *C.ws_errors) {
	for i := C.size_t(0); i < C.ws_errors_count(errors); i++ {
		fmt.Fprintln(os.Stderr, "ticker:", C.GoString(C.ws_errors_message(errors, i)))
	}
}

// The text of an event, copied: it goes with the event.
func bytes(event *C.ws_event) []byte {
	var length C.size_t
	data := C.ws_event_data(event, &length)
	return C.GoBytes(unsafe.Pointer(data), C.int(length))
}

func main() {
	runtime.LockOSThread() // a dispatcher belongs to a thread
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: ticker ws://host[:port]/ticker QUOTES")
		os.Exit(2)
	}
	wanted, _ := strconv.Atoi(os.Args[2])
	url, enough := C.CString(os.Args[1]), C.CString("enough")
	defer C.free(unsafe.Pointer(url))
	defer C.free(unsafe.Pointer(enough))

	dispatcher := C.ws_dispatcher_new()
	handler := C.pulled_by(dispatcher)
	var errors *C.ws_errors
	ws := C.ws_new(url, &handler, nil, &errors)
	printErrors(errors)
	C.ws_errors_free(errors)
	quotes, over := 0, false
	if ws != nil {
		order := C.CString(`{"subscribe":["EURUSD","DAX"],"rate":1000}`)
		if sent := C.ws_send_object(ws, order, C.WS_NUL_TERMINATED); sent != C.WS_OK {
			fmt.Fprintln(os.Stderr, "ticker:", C.GoString(C.ws_result_message(C.int32_t(sent))))
		}
		C.free(unsafe.Pointer(order))
	}
	var whose *C.ws_socket
	var event *C.ws_event
	for ws != nil && !over && C.ws_dispatcher_next(dispatcher, -1, &whose, &event) == 1 {
		switch kind := C.ws_event_get_type(event); {
		case kind == C.WS_EVENT_TYPE_MESSAGE && quotes < wanted:
			var quote struct {
				Symbol        string
				Price, Change float64
			}
			if json.Unmarshal(bytes(event), &quote) == nil {
				fmt.Printf("%-8s %12.5f %+10.5f\n", quote.Symbol, quote.Price, quote.Change)
			}
			if quotes++; quotes == wanted {
				C.ws_terminate(ws, 1000, enough)
			}
		case kind == C.WS_EVENT_TYPE_ERROR:
			printErrors(C.ws_event_errors(event))
		case kind == C.WS_EVENT_TYPE_TERMINATE:
			fmt.Println("closed:", C.ws_event_code(event), C.GoString(C.ws_event_reason(event)))
			over = true
		}
		C.ws_event_free(event)
	}
	C.ws_release(ws)
	C.ws_dispatcher_close(dispatcher)
	C.ws_shutdown(5000)
	if !over || quotes != wanted {
		os.Exit(1)
	}
}
