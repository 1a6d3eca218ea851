// A process full of viewers, which does what its parent tells it: { do: "drop" | "stall" | "watch" | "status" | "end" }.
import { createRandom } from "./random.mjs";
import { Viewer } from "./viewer.mjs";

const { url, seed, viewers: plans } = JSON.parse(process.argv[2]);
const viewers = new Map(
  plans.map((plan) => [plan.id, new Viewer({ url, random: createRandom(`${seed}/${plan.id}`), ...plan })]),
);
for (const viewer of viewers.values()) viewer.connect();

let isEnding = false;
const end = async () => {
  // Told by a message and by a signal, whichever comes first.
  if (isEnding) return;
  isEnding = true;
  await Promise.all([...viewers.values()].map((viewer) => viewer.end()));
  process.exit(0);
};
process.on("message", (order) => {
  const viewer = viewers.get(order.viewer);
  if (order.do === "drop") viewer.drop(order.awayMs);
  else if (order.do === "stall") viewer.stall(order.stallMs);
  else if (order.do === "watch") viewer.watch(order.topics);
  else if (order.do === "status") process.send([...viewers.values()].map((one) => one.status()));
  else if (order.do === "end") end();
});
process.on("SIGTERM", end);
process.on("SIGINT", () => undefined);
process.on("disconnect", end);
process.send("ready");
