/** Prints the default export of the module that TEST_MODULE names. */
import process from "node:process";
import { pathToFileURL } from "node:url";

console.log((await import(pathToFileURL(process.env["TEST_MODULE"]!).href)).default);
