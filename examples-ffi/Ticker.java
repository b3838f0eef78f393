// ticker: quotes over WebSocket, from Java 17 by jdk.incubator.foreign.      usage: java … Ticker ws://host[:port]/ticker QUOTES
// From Java 22 on the package is java.lang.foreign, with other names: Linker.nativeLinker(), Arena, MemorySegment.reinterpret().
// Addresses and tokens are longs here.
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodType;
import java.util.Arrays;
import java.util.Locale;
import jdk.incubator.foreign.CLinker;
import jdk.incubator.foreign.FunctionDescriptor;
import jdk.incubator.foreign.MemoryAccess;
import jdk.incubator.foreign.MemoryAddress;
import jdk.incubator.foreign.MemoryLayout;
import jdk.incubator.foreign.MemorySegment;
import jdk.incubator.foreign.ResourceScope;
import jdk.incubator.foreign.SymbolLookup;

public class Ticker {
    static final int MESSAGE = 2, ERROR = 3, TERMINATE = 4, OBJECT = 2;
    static final long HANDLER_SIZE = 12 * 8, HANDLER_DISPATCHER = 2 * 8;
    static final ResourceScope SCOPE = ResourceScope.globalScope();
    // Texts in this scope are never freed: one of each.
    static final long SYMBOL = text("symbol"), PRICE = text("price"), CHANGE = text("change");

    static MemoryLayout layout(Class<?> type) {
        return type == long.class ? CLinker.C_LONG : type == double.class ? CLinker.C_DOUBLE : type == short.class ? CLinker.C_SHORT : CLinker.C_INT;
    }

    /** A function of the library. */
    static MethodHandle c(Class<?> result, String name, Class<?>... parameters) {
        MemoryLayout[] layouts = Arrays.stream(parameters).map(Ticker::layout).toArray(MemoryLayout[]::new);
        FunctionDescriptor descriptor = result == void.class ? FunctionDescriptor.ofVoid(layouts) : FunctionDescriptor.of(layout(result), layouts);
        return CLinker.getInstance().downcallHandle(SymbolLookup.loaderLookup().lookup(name).get(), MethodType.methodType(result, parameters), descriptor);
    }

    static long text(String java) { return CLinker.toCString(java, SCOPE).address().toRawLongValue(); }
    static String java(long text) { return CLinker.toJavaString(MemoryAddress.ofLong(text)); }
    static long address(MemorySegment segment) { return segment.address().toRawLongValue(); }

    static final class Ws4d {
        static { System.load(System.getenv().getOrDefault("WS4D_LIBRARY", "/usr/local/lib/libws4d.so.0")); }
        static final Class<?> P = long.class, I = int.class, D = double.class, V = void.class;
        static final MethodHandle dispatcherNew = c(P, "ws_dispatcher_new"), optionsNew = c(P, "ws_options_new"),
            setDataType = c(I, "ws_options_set_data_type", P, I), open = c(P, "ws_new", P, P, P, P), sendObject = c(I, "ws_send_object", P, P, P),
            next = c(I, "ws_dispatcher_next", P, I, P, P), eventType = c(I, "ws_event_get_type", P), json = c(P, "ws_event_json", P),
            member = c(P, "ws_json_member", P, P), string = c(P, "ws_json_string", P, P), number = c(D, "ws_json_number", P, D),
            code = c(short.class, "ws_event_code", P), reason = c(P, "ws_event_reason", P), errors = c(P, "ws_event_errors", P),
            errorsCount = c(P, "ws_errors_count", P), errorsMessage = c(P, "ws_errors_message", P, P), terminate = c(I, "ws_terminate", P, I, P),
            release = c(I, "ws_release", P), dispatcherClose = c(I, "ws_dispatcher_close", P), shutdown = c(I, "ws_shutdown", I),
            eventFree = c(V, "ws_event_free", P), errorsFree = c(V, "ws_errors_free", P), optionsFree = c(V, "ws_options_free", P);
    }

    static void printErrors(long errors) throws Throwable {
        for (long i = 0; i < (long) Ws4d.errorsCount.invoke(errors); i++) System.err.println("ticker: " + java((long) Ws4d.errorsMessage.invoke(errors, i)));
    }

    static double number(long quote, long key) throws Throwable {
        return (double) Ws4d.number.invoke((long) Ws4d.member.invoke(quote, key), 0.0);
    }

    public static void main(String[] arguments) throws Throwable {
        int wanted = Integer.parseInt(arguments[1]), quotes = 0, kind = 0;
        MemorySegment handler = MemorySegment.allocateNative(HANDLER_SIZE, SCOPE), out = MemorySegment.allocateNative(16, SCOPE);
        long dispatcher = (long) Ws4d.dispatcherNew.invoke(), options = (long) Ws4d.optionsNew.invoke();
        MemoryAccess.setLongAtOffset(handler, 0, HANDLER_SIZE);
        MemoryAccess.setLongAtOffset(handler, HANDLER_DISPATCHER, dispatcher);
        int accepted = (int) Ws4d.setDataType.invoke(options, OBJECT);
        long ws = (long) Ws4d.open.invoke(text(arguments[0]), address(handler), options, address(out));
        printErrors(MemoryAccess.getLongAtOffset(out, 0));
        Ws4d.errorsFree.invoke(MemoryAccess.getLongAtOffset(out, 0));
        if (ws != 0) {
            String order = "{\"subscribe\":[\"EURUSD\",\"DAX\"],\"rate\":1000}";
            accepted |= (int) Ws4d.sendObject.invoke(ws, text(order), (long) order.length());
            while (kind != TERMINATE && (int) Ws4d.next.invoke(dispatcher, -1, address(out), address(out) + 8) == 1) {
                long event = MemoryAccess.getLongAtOffset(out, 8);
                kind = (int) Ws4d.eventType.invoke(event);
                if (kind == MESSAGE && quotes < wanted) {
                    long quote = (long) Ws4d.json.invoke(event), symbol = (long) Ws4d.member.invoke(quote, SYMBOL);
                    System.out.printf(Locale.ROOT, "%-8s %12.5f %+10.5f%n", java((long) Ws4d.string.invoke(symbol, 0L)), number(quote, PRICE), number(quote, CHANGE));
                    if (++quotes == wanted) accepted |= (int) Ws4d.terminate.invoke(ws, 1000, text("enough"));
                } else if (kind == ERROR) printErrors((long) Ws4d.errors.invoke(event));
                else if (kind == TERMINATE) System.out.println("closed: " + Short.toUnsignedInt((short) Ws4d.code.invoke(event)) + " " + java((long) Ws4d.reason.invoke(event)));
                Ws4d.eventFree.invoke(event);
            }
            accepted |= (int) Ws4d.release.invoke(ws);
        }
        Ws4d.optionsFree.invoke(options);
        accepted |= (int) Ws4d.dispatcherClose.invoke(dispatcher) | (int) Ws4d.shutdown.invoke(5000);
        System.exit(accepted == 0 && kind == TERMINATE && quotes == wanted ? 0 : 1);
    }
}
