# ticker: quotes over WebSocket, from Ruby by fiddle.      usage: ruby ticker.rb ws://host[:port]/ticker QUOTES
require 'fiddle/import'
require 'json'

module Ws4d
  extend Fiddle::Importer
  dlload ENV['WS4D_LIBRARY'] || 'libws4d.so.0'
  typealias 'uint16_t', 'unsigned short'
  Handler = struct ['size_t size', 'void *user_data', 'void *dispatcher', 'void *callbacks[9]']
  extern 'void *ws_dispatcher_new()'
  extern 'void *ws_new(char *url, void *handler, void *options, void *errors)'
  extern 'int ws_send_object(void *ws, char *json, size_t len)'
  extern 'int ws_dispatcher_next(void *dispatcher, int timeout, void *ws, void *event)'
  extern 'int ws_event_get_type(void *event)'
  extern 'void *ws_event_data(void *event, void *len)'
  extern 'uint16_t ws_event_code(void *event)'
  extern 'char *ws_event_reason(void *event)'
  extern 'void *ws_event_errors(void *event)'
  extern 'size_t ws_errors_count(void *errors)'
  extern 'char *ws_errors_message(void *errors, size_t i)'
  extern 'int ws_terminate(void *ws, int code, char *reason)'
  extern 'int ws_release(void *ws)'
  extern 'int ws_dispatcher_close(void *dispatcher)'
  extern 'int ws_shutdown(int timeout)'
  extern 'void ws_event_free(void *event)'
  extern 'void ws_errors_free(void *errors)'
end

MESSAGE, ERROR, TERMINATE = 2, 3, 4
url, wanted, quotes, clean = ARGV[0], ARGV[1].to_i, 0, false

def print_errors(errors)
  Ws4d.ws_errors_count(errors).times { |i| warn "ticker: #{Ws4d.ws_errors_message(errors, i)}" }
end

handler = Ws4d::Handler.malloc(Fiddle::RUBY_FREE)
handler.to_ptr[0, Ws4d::Handler.size] = "\0" * Ws4d::Handler.size
handler.size, handler.dispatcher = Ws4d::Handler.size, Ws4d.ws_dispatcher_new
whose, out = Array.new(2) { Fiddle::Pointer.malloc(Fiddle::SIZEOF_VOIDP, Fiddle::RUBY_FREE) }
out[0, out.size] = "\0" * out.size
ws = Ws4d.ws_new(url, handler, nil, out)
print_errors(out.ptr)
Ws4d.ws_errors_free(out.ptr)
unless ws.null?
  order = JSON.generate(subscribe: %w[EURUSD DAX], rate: 1000)
  raise 'the order was not accepted' unless Ws4d.ws_send_object(ws, order, order.bytesize).zero?
  kind = nil
  while kind != TERMINATE && Ws4d.ws_dispatcher_next(handler.dispatcher, -1, whose, out) == 1
    event = out.ptr
    kind = Ws4d.ws_event_get_type(event)
    if kind == MESSAGE && quotes < wanted
      # The text ends with a NUL.
      quote = JSON.parse(Ws4d.ws_event_data(event, nil).to_s)
      puts format('%-8s %12.5f %+10.5f', *quote.values_at('symbol', 'price', 'change'))
      quotes += 1
      Ws4d.ws_terminate(ws, 1000, 'enough') if quotes == wanted
    elsif kind == ERROR
      print_errors(Ws4d.ws_event_errors(event))
    elsif kind == TERMINATE
      puts "closed: #{Ws4d.ws_event_code(event)} #{Ws4d.ws_event_reason(event)}"
      clean = quotes == wanted
    end
    Ws4d.ws_event_free(event)
  end
  Ws4d.ws_release(ws)
end
Ws4d.ws_dispatcher_close(handler.dispatcher)
Ws4d.ws_shutdown(5000)
exit clean
