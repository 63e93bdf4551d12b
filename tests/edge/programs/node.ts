import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { toNode } from "../../../adapters/node.ts";
import application from "../apps.ts";

const server = createServer(toNode(application)).listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`));
