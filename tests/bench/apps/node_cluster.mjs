// Node's own cluster. Arguments: port, and the number of workers (0: no cluster).
import cluster from "node:cluster";
import { createServer } from "node:http";

const [port, workers] = process.argv.slice(2).map(Number);
if (cluster.isPrimary && workers > 0) for (let i = 0; i < workers; i++) cluster.fork();
else createServer((_request, response) => response.writeHead(200, { "content-type": "text/plain" }).end("Hello, World!\n")).listen(port, "127.0.0.1");
