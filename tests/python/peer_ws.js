// A server made with Node's ws. What it does is written in peer_websockets.py, which does the same.

const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const { WebSocketServer } = require("ws");

function sendFragments(ws, data, binary) {
    const step = 7;
    for (let start = 0; start < data.length; start += step) {
        const fin = start + step >= data.length;
        ws.send(data.subarray(start, start + step), { binary, fin });
    }
}

const paths = {
    "/echo": (ws) => ws.on("message", (data, binary) => ws.send(data, { binary })),
    "/fragments": (ws) => ws.on("message", (data, binary) => sendFragments(ws, data, binary)),
    "/sink": () => {},
    "/frames": (ws) => ws.on("message", () => ws.send("0")),
    "/head": (ws, request) => {
        const raw = request.rawHeaders;
        const pairs = raw.flatMap((name, i) => (i % 2 ? [] : [[name.toLowerCase(), raw[i + 1]]]));
        ws.send(JSON.stringify(pairs));
    },
    "/ping": (ws) => {
        ws.on("pong", (data) => ws.send(`${data}` === "from the server" ? "the pong came" : `another pong: ${data}`));
        ws.ping("from the server");
    },
    "/close": (ws, request, query) => ws.close(Number(query.get("code")), query.get("reason") ?? ""),
};
paths["/small"] = paths["/subprotocol"] = paths["/echo"];

function serverFor(maxPayload) {
    const server = new WebSocketServer({
        noServer: true,
        maxPayload,
        perMessageDeflate: process.argv.includes("deflate"),
        handleProtocols: (offered) => (offered.has("second") ? "second" : false),
    });
    server.on("headers", (headers) => headers.push("Set-Cookie: first=1", "Set-Cookie: second=2"));
    return server;
}

const small = serverFor(1000);
const large = serverFor(0);
const file = process.argv.find((argument) => argument.startsWith("tls="))?.slice("tls=".length);
const pem = file && fs.readFileSync(file);
const server = pem ? https.createServer({ cert: pem, key: pem }) : http.createServer();
server.on("upgrade", (request, socket, head) => {
    const url = new URL(request.url, "ws://host");
    if (url.pathname === "/refuse") {
        socket.end("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 12\r\nConnection: close\r\n\r\nwho are you?");
        return;
    }
    const chosen = url.pathname === "/small" ? small : large;
    chosen.handleUpgrade(request, socket, head, (ws) => {
        ws.on("error", () => {});
        let messages = 0;
        ws.on("message", () => messages++);
        ws.on("close", (code, reason) => console.log(JSON.stringify({ closed: request.url, code, reason: `${reason}`, messages })));
        paths[url.pathname](ws, request, url.searchParams);
    });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit(0)).resume();
