import { startHeader } from "./header.js";
import { startRouter } from "./router.js";

startHeader();
startRouter();
