import process from "node:process";
import { runLambda } from "../../../adapters/lambda.ts";
import application from "../apps.ts";

await runLambda(application, { stream: process.argv.includes("--stream") });
