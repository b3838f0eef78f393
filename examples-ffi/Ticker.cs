// ticker: quotes over WebSocket, from C# by P/Invoke.      usage: mono ticker.exe ws://host[:port]/ticker QUOTES
using System;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

static class Ticker
{
    const string Library = "libws4d.so.0";
    const int Message = 2, Error = 3, Terminate = 4, Object = 2;

    [StructLayout(LayoutKind.Sequential)]
    struct Handler
    {
        public UIntPtr Size;
        public IntPtr UserData, Dispatcher;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 9)] public IntPtr[] Callbacks;
    }

    [DllImport(Library)] static extern IntPtr ws_dispatcher_new();
    [DllImport(Library)] static extern IntPtr ws_options_new();
    [DllImport(Library)] static extern int ws_options_set_data_type(IntPtr options, int type);
    [DllImport(Library)] static extern IntPtr ws_new(byte[] url, ref Handler handler, IntPtr options, out IntPtr errors);
    [DllImport(Library)] static extern int ws_send_object(IntPtr ws, byte[] json, UIntPtr length);
    [DllImport(Library)] static extern int ws_dispatcher_next(IntPtr dispatcher, int timeout, out IntPtr ws, out IntPtr e);
    [DllImport(Library)] static extern int ws_event_get_type(IntPtr e);
    [DllImport(Library)] static extern IntPtr ws_event_json(IntPtr e);
    [DllImport(Library)] static extern IntPtr ws_json_member(IntPtr json, byte[] key);
    [DllImport(Library)] static extern IntPtr ws_json_string(IntPtr json, IntPtr length);
    [DllImport(Library)] static extern double ws_json_number(IntPtr json, double otherwise);
    [DllImport(Library)] static extern ushort ws_event_code(IntPtr e);
    [DllImport(Library)] static extern IntPtr ws_event_reason(IntPtr e);
    [DllImport(Library)] static extern IntPtr ws_event_errors(IntPtr e);
    [DllImport(Library)] static extern UIntPtr ws_errors_count(IntPtr errors);
    [DllImport(Library)] static extern IntPtr ws_errors_message(IntPtr errors, UIntPtr i);
    [DllImport(Library)] static extern int ws_terminate(IntPtr ws, int code, byte[] reason);
    [DllImport(Library)] static extern int ws_release(IntPtr ws);
    [DllImport(Library)] static extern int ws_dispatcher_close(IntPtr dispatcher);
    [DllImport(Library)] static extern int ws_shutdown(int timeout);
    [DllImport(Library)] static extern void ws_event_free(IntPtr e);
    [DllImport(Library)] static extern void ws_errors_free(IntPtr errors);
    [DllImport(Library)] static extern void ws_options_free(IntPtr options);

    static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text + "\0");

    static string Text(IntPtr utf8)
    {
        int length = 0;
        while (Marshal.ReadByte(utf8, length) != 0) length++;
        var bytes = new byte[length];
        Marshal.Copy(utf8, bytes, 0, length);
        return Encoding.UTF8.GetString(bytes);
    }

    static void PrintErrors(IntPtr errors)
    {
        for (ulong i = 0; i < ws_errors_count(errors).ToUInt64(); i++)
            Console.Error.WriteLine("ticker: " + Text(ws_errors_message(errors, new UIntPtr(i))));
    }

    static int Main(string[] args)
    {
        int wanted = int.Parse(args[1]), quotes = 0, kind = 0;
        var handler = new Handler { Size = (UIntPtr)Marshal.SizeOf(typeof(Handler)), Dispatcher = ws_dispatcher_new(), Callbacks = new IntPtr[9] };
        IntPtr options = ws_options_new(), errors, whose, e;
        ws_options_set_data_type(options, Object);
        IntPtr ws = ws_new(Utf8(args[0]), ref handler, options, out errors);
        PrintErrors(errors);
        ws_errors_free(errors);
        if (ws != IntPtr.Zero)
        {
            byte[] order = Encoding.UTF8.GetBytes("{\"subscribe\":[\"EURUSD\",\"DAX\"],\"rate\":1000}");
            if (ws_send_object(ws, order, (UIntPtr)order.Length) != 0) return 1;
            while (kind != Terminate && ws_dispatcher_next(handler.Dispatcher, -1, out whose, out e) == 1)
            {
                kind = ws_event_get_type(e);
                if (kind == Message && quotes < wanted)
                {
                    IntPtr quote = ws_event_json(e);
                    Func<string, double> number = key => ws_json_number(ws_json_member(quote, Utf8(key)), 0);
                    Console.WriteLine(string.Format(CultureInfo.InvariantCulture, "{0,-8} {1,12:F5} {2,10:+0.00000;-0.00000}",
                        Text(ws_json_string(ws_json_member(quote, Utf8("symbol")), IntPtr.Zero)), number("price"), number("change")));
                    if (++quotes == wanted) ws_terminate(ws, 1000, Utf8("enough"));
                }
                else if (kind == Error) PrintErrors(ws_event_errors(e));
                else if (kind == Terminate) Console.WriteLine("closed: " + ws_event_code(e) + " " + Text(ws_event_reason(e)));
                ws_event_free(e);
            }
            ws_release(ws);
        }
        ws_options_free(options);
        ws_dispatcher_close(handler.Dispatcher);
        ws_shutdown(5000);
        return kind == Terminate && quotes == wanted ? 0 : 1;
    }
}
