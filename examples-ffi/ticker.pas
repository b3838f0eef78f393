{ ticker: quotes over WebSocket, from Free Pascal.      usage: ticker ws://host[:port]/ticker QUOTES }
program ticker;
{$mode objfpc}{$H+}{$linklib ws4d}
uses cmem, sysutils;

type
  TCallback = procedure(ws, event, user_data: pointer); cdecl;
  THandler = record
    size: sizeuint;
    user_data, dispatcher: pointer;
    callbacks: array[0..8] of TCallback;
  end;

const
  MESSAGE = 2; ERROR = 3; TERMINATE = 4; OBJECT_TYPE = 2;

function ws_dispatcher_new: pointer; cdecl; external;
function ws_options_new: pointer; cdecl; external;
function ws_options_set_data_type(options: pointer; kind: longint): longint; cdecl; external;
function ws_new(url: pchar; constref handler: THandler; options: pointer; out errors: pointer): pointer; cdecl; external;
function ws_send_object(ws: pointer; json: pchar; len: sizeuint): longint; cdecl; external;
function ws_dispatcher_next(d: pointer; timeout: longint; out ws, event: pointer): longint; cdecl; external;
function ws_event_get_type(event: pointer): longint; cdecl; external;
function ws_event_json(event: pointer): pointer; cdecl; external;
function ws_json_member(json: pointer; key: pchar): pointer; cdecl; external;
function ws_json_string(json: pointer; len: pointer): pchar; cdecl; external;
function ws_json_number(json: pointer; fallback: double): double; cdecl; external;
function ws_event_code(event: pointer): word; cdecl; external;
function ws_event_reason(event: pointer): pchar; cdecl; external;
function ws_event_errors(event: pointer): pointer; cdecl; external;
function ws_errors_count(errors: pointer): sizeuint; cdecl; external;
function ws_errors_message(errors: pointer; i: sizeuint): pchar; cdecl; external;
function ws_terminate(ws: pointer; code: longint; reason: pchar): longint; cdecl; external;
function ws_release(ws: pointer): longint; cdecl; external;
function ws_dispatcher_close(d: pointer): longint; cdecl; external;
function ws_shutdown(timeout: longint): longint; cdecl; external;
procedure ws_event_free(event: pointer); cdecl; external;
procedure ws_errors_free(errors: pointer); cdecl; external;
procedure ws_options_free(options: pointer); cdecl; external;

procedure print_errors(errors: pointer);
var
  i: longint;
begin
  for i := 0 to longint(ws_errors_count(errors)) - 1 do
    writeln(stderr, 'ticker: ', ws_errors_message(errors, i));
end;

function number(quote: pointer; key: pchar): double;
begin
  number := ws_json_number(ws_json_member(quote, key), 0);
end;

var
  handler: THandler;
  options, ws, whose, errors, event, quote: pointer;
  wanted, quotes, kind: longint;
  order: string = '{"subscribe":["EURUSD","DAX"],"rate":1000}';
begin
  wanted := strtoint(paramstr(2)); quotes := 0; kind := 0;
  fillchar(handler, sizeof(handler), 0);
  handler.size := sizeof(handler);
  handler.dispatcher := ws_dispatcher_new;
  options := ws_options_new;
  ws_options_set_data_type(options, OBJECT_TYPE);
  ws := ws_new(pchar(paramstr(1)), handler, options, errors);
  print_errors(errors);
  ws_errors_free(errors);
  if ws <> nil then begin
    if ws_send_object(ws, pchar(order), length(order)) <> 0 then halt(1);
    while (kind <> TERMINATE) and (ws_dispatcher_next(handler.dispatcher, -1, whose, event) = 1) do begin
      kind := ws_event_get_type(event);
      if (kind = MESSAGE) and (quotes < wanted) then begin
        quote := ws_event_json(event);
        writeln(format('%-8s %12.5f %10.5f', [string(ws_json_string(ws_json_member(quote, 'symbol'), nil)), number(quote, 'price'), number(quote, 'change')]));
        inc(quotes);
        if quotes = wanted then ws_terminate(ws, 1000, 'enough');
      end
      else if kind = ERROR then print_errors(ws_event_errors(event))
      else if kind = TERMINATE then writeln('closed: ', ws_event_code(event), ' ', ws_event_reason(event));
      ws_event_free(event);
    end;
    ws_release(ws);
  end;
  ws_options_free(options);
  ws_dispatcher_close(handler.dispatcher);
  ws_shutdown(5000);
  if (kind <> TERMINATE) or (quotes <> wanted) then halt(1);
end.
