-- ticker: quotes over WebSocket, from LuaJIT.      usage: luajit ticker.lua ws://host[:port]/ticker QUOTES
-- It pulls events: a callback would be called out of an FFI call, which LuaJIT must not have compiled.
local ffi = require "ffi"
ffi.cdef [[
typedef struct { size_t size; void *user_data; void *dispatcher, *callbacks[9]; } ws_handler;
void *ws_dispatcher_new(void), *ws_options_new(void), *ws_new(const char *url, const ws_handler *, const void *options, void **errors);
int ws_options_set_data_type(void *options, int type), ws_send_object(void *ws, const char *json, size_t len);
int ws_dispatcher_next(void *, int timeout, void **ws, void **event), ws_event_get_type(const void *), ws_terminate(void *ws, int, const char *);
const void *ws_event_json(const void *), *ws_json_member(const void *, const char *key), *ws_event_errors(const void *);
const char *ws_json_string(const void *, size_t *len), *ws_event_reason(const void *), *ws_errors_message(const void *, size_t);
double ws_json_number(const void *, double otherwise);
uint16_t ws_event_code(const void *);
size_t ws_errors_count(const void *);
int ws_release(void *ws), ws_dispatcher_close(void *), ws_shutdown(int timeout);
void ws_event_free(void *), ws_errors_free(void *), ws_options_free(void *);
]]
local ws4d = ffi.load(os.getenv "WS4D_LIBRARY" or "libws4d.so.0")
local MESSAGE, ERROR, TERMINATE, OBJECT = 2, 3, 4, 2
local url, wanted, quotes, clean = arg[1], tonumber(arg[2]), 0, false

local function print_errors(errors)
    for i = 0, tonumber(ws4d.ws_errors_count(errors)) - 1 do
        io.stderr:write("ticker: ", ffi.string(ws4d.ws_errors_message(errors, i)), "\n")
    end
end

local options, errors, whose, out = ws4d.ws_options_new(), ffi.new "void *[1]", ffi.new "void *[1]", ffi.new "void *[1]"
local handler = ffi.new("ws_handler", { size = ffi.sizeof "ws_handler", dispatcher = ws4d.ws_dispatcher_new() })
ws4d.ws_options_set_data_type(options, OBJECT)
local ws = ws4d.ws_new(url, handler, options, errors)
print_errors(errors[0])
ws4d.ws_errors_free(errors[0])
if ws ~= nil then
    local order = '{"subscribe":["EURUSD","DAX"],"rate":1000}'
    assert(ws4d.ws_send_object(ws, order, #order) == 0)
    local kind
    while kind ~= TERMINATE and ws4d.ws_dispatcher_next(handler.dispatcher, -1, whose, out) == 1 do
        local event = out[0]
        kind = ws4d.ws_event_get_type(event)
        if kind == MESSAGE and quotes < wanted then
            local quote = ws4d.ws_event_json(event)
            local function number(key) return ws4d.ws_json_number(ws4d.ws_json_member(quote, key), 0) end
            print(("%-8s %12.5f %+10.5f"):format(ffi.string(ws4d.ws_json_string(ws4d.ws_json_member(quote, "symbol"), nil)), number "price", number "change"))
            quotes = quotes + 1
            if quotes == wanted then ws4d.ws_terminate(ws, 1000, "enough") end
        elseif kind == ERROR then
            print_errors(ws4d.ws_event_errors(event))
        elseif kind == TERMINATE then
            print(("closed: %d %s"):format(ws4d.ws_event_code(event), ffi.string(ws4d.ws_event_reason(event))))
            clean = quotes == wanted
        end
        ws4d.ws_event_free(event)
    end
    ws4d.ws_release(ws)
end
ws4d.ws_options_free(options)
ws4d.ws_dispatcher_close(handler.dispatcher)
ws4d.ws_shutdown(5000)
os.exit(clean and 0 or 1)
