// A server made with the npm package websocket, with its default limits: frames of at most 64 KiB, messages of at most 1 MiB.
// Sends each message back, in frames of 16 KiB; what it prints, and how it ends, is written in ../python/peer_websockets.py.
// It answers each close frame with 1000.

const http = require("node:http");
const { server: WebSocketServer } = require("websocket");

const server = http.createServer();
new WebSocketServer({ httpServer: server }).on("request", (request) => {
    const connection = request.accept(null, request.origin);
    let messages = 0;
    connection.on("message", (message) => {
        messages++;
        if (message.type === "utf8") connection.sendUTF(message.utf8Data);
        else connection.sendBytes(message.binaryData);
    });
    connection.on("close", (code, reason) => console.log(JSON.stringify({ closed: request.resource, code, reason, messages })));
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit(0)).resume();
