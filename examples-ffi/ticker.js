// ticker: quotes over WebSocket, from Node by koffi.      usage: node ticker.js ws://host[:port]/ticker QUOTES
// A worker owns the dispatcher and waits for events; the main thread's event loop goes on, and may call the library as well.
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const koffi = require('koffi');

const library = koffi.load(process.env.WS4D_LIBRARY ?? 'libws4d.so.0');
const Handler = koffi.struct('ws_handler', {
  size: 'size_t', user_data: 'uintptr_t', dispatcher: 'uintptr_t', callbacks: koffi.array('uintptr_t', 9),
});
// Handles are tokens: numbers, which may go from thread to thread. Texts that end with a NUL come as strings.
const c = Object.fromEntries([
  'uintptr_t ws_dispatcher_new()',
  'uintptr_t ws_new(const char *url, const ws_handler *handler, uintptr_t options, _Out_ uintptr_t *errors)',
  'int ws_send_object(uintptr_t ws, const char *json, size_t len)',
  'int ws_dispatcher_next(uintptr_t dispatcher, int timeout, _Out_ uintptr_t *ws, _Out_ uintptr_t *event)',
  'int ws_event_get_type(uintptr_t event)',
  'const char *ws_event_data(uintptr_t event, uintptr_t len)',
  'uint16_t ws_event_code(uintptr_t event)',
  'const char *ws_event_reason(uintptr_t event)',
  'uintptr_t ws_event_errors(uintptr_t event)',
  'size_t ws_errors_count(uintptr_t errors)',
  'const char *ws_errors_message(uintptr_t errors, size_t i)',
  'int ws_terminate(uintptr_t ws, int code, const char *reason)',
  'int ws_release(uintptr_t ws)',
  'int ws_dispatcher_close(uintptr_t dispatcher)',
  'int ws_shutdown(int timeout)',
  'void ws_event_free(uintptr_t event)',
  'void ws_errors_free(uintptr_t errors)',
].map((line) => [/ws_\w+(?=\()/.exec(line)[0], library.func(line)]));
const MESSAGE = 2, ERROR = 3, TERMINATE = 4;

if (isMainThread) {
  const [url, wanted] = [process.argv[2], Number(process.argv[3])];
  let quotes = 0, ws, closed = false;
  const worker = new Worker(__filename, { workerData: url });
  worker.on('message', (told) => {
    if (told.error) console.error('ticker:', told.error);
    else if (told.open) {
      ws = told.open;
      const order = JSON.stringify({ subscribe: ['EURUSD', 'DAX'], rate: 1000 });
      if (c.ws_send_object(ws, order, Buffer.byteLength(order)) !== 0) process.exitCode = 1;
    } else if (told.quote && quotes < wanted) {
      const { symbol, price, change } = JSON.parse(told.quote);
      console.log(symbol.padEnd(8), price.toFixed(5).padStart(12), change.toFixed(5).padStart(10));
      if (++quotes === wanted) c.ws_terminate(ws, 1000, 'enough');
    } else if (told.closed) {
      console.log('closed:', told.closed);
      closed = true;
    }
  });
  worker.on('exit', () => {
    c.ws_shutdown(5000);
    process.exitCode ||= closed && quotes === wanted ? 0 : 1;
  });
} else {
  const errors = [0], whose = [0], out = [0];
  const report = (stack) => {
    for (let i = 0; i < c.ws_errors_count(stack); i++) parentPort.postMessage({ error: c.ws_errors_message(stack, i) });
  };
  const dispatcher = c.ws_dispatcher_new();
  const handler = { size: koffi.sizeof(Handler), user_data: 0, dispatcher, callbacks: Array(9).fill(0) };
  const ws = c.ws_new(workerData, handler, 0, errors);
  report(errors[0]);
  c.ws_errors_free(errors[0]);
  if (ws) {
    parentPort.postMessage({ open: ws });
    for (let kind = 0; kind !== TERMINATE && c.ws_dispatcher_next(dispatcher, -1, whose, out) === 1; c.ws_event_free(out[0])) {
      kind = c.ws_event_get_type(out[0]);
      if (kind === MESSAGE) parentPort.postMessage({ quote: c.ws_event_data(out[0], 0) });
      else if (kind === ERROR) report(c.ws_event_errors(out[0]));
      else if (kind === TERMINATE) parentPort.postMessage({ closed: `${c.ws_event_code(out[0])} ${c.ws_event_reason(out[0])}` });
    }
    c.ws_release(ws);
  }
  c.ws_dispatcher_close(dispatcher);
}
