// Node's ws. See bench.h for the kinds.
import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';

const [kind, url, sizeText, countText, ca, data] = process.argv.slice(2);
const [size, count] = [Number(sizeText), Number(countText)];
const deflate = url.includes('/deflate/');
const lines = deflate ? readFileSync(data, 'utf8').trimEnd().split('\n') : ['x'.repeat(size)];
const certificate = url.startsWith('wss') ? readFileSync(ca) : undefined;
let line = 0;
const next = () => lines[line++ % lines.length];

const cpu = () => {
    const usage = process.resourceUsage();
    return usage.userCPUTime + usage.systemCPUTime;
};
let wall, spent;
const begin = () => {
    wall = process.hrtime.bigint();
    spent = cpu();
};
const end = () => {
    const took = Number(process.hrtime.bigint() - wall) / 1e3;
    console.log(`wall=${(took / count).toFixed(6)} cpu=${((cpu() - spent) / count).toFixed(6)}`);
    process.exit(0);
};

const connect = () =>
    new Promise((resolve, reject) => {
        const fresh = url.includes('/fresh/');
        const ws = new WebSocket(url, {
            ca: certificate,
            perMessageDeflate: deflate && {
                clientNoContextTakeover: fresh,
                serverNoContextTakeover: fresh,
                zlibDeflateOptions: { level: 6 },
                threshold: 0,
            },
        });
        ws.on('open', () => resolve(ws));
        ws.on('error', reject);
    });

// One of each, after which `left` messages more are awaited.
const roundTrips = (ws, n) =>
    new Promise((resolve) => {
        let left = n;
        ws.on('message', function answer() {
            left -= 1;
            if (left === 0) {
                ws.off('message', answer);
                resolve();
            } else {
                ws.send(next());
            }
        });
        ws.send(next());
    });

const messages = (ws, n) =>
    new Promise((resolve) => {
        let left = n;
        ws.on('message', () => {
            left -= 1;
            if (left === 0) resolve();
        });
    });

if (kind === 'echo' || kind === 'deflate') {
    const ws = await connect();
    await roundTrips(ws, Math.floor(count / 10) + 1);
    begin();
    await roundTrips(ws, count);
} else if (kind === 'receive') {
    const ws = await connect();
    const all = messages(ws, count);
    begin();
    ws.send('');
    await all;
} else if (kind === 'send') {
    const ws = await connect();
    const answer = messages(ws, 1);
    begin();
    for (let n = 0; n < count; n++) {
        ws.send(next());
        // Its buffer has no bound of its own.
        while (ws.bufferedAmount > 4 << 20) await new Promise(setImmediate);
    }
    await answer;
} else if (kind === 'connect') {
    const warm = Math.floor(count / 10) + 1;
    for (let n = 0; n < count + warm; n++) {
        if (n === warm) begin();
        const ws = await connect();
        const closed = new Promise((resolve) => ws.on('close', resolve));
        ws.close(1000);
        await closed;
    }
} else {
    process.exit(3);
}
end();
