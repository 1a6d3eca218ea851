// Keeps the three sample queues busy with about one job a second; --once adds one job to each and ends.
import { setTimeout as sleep } from "node:timers/promises";
import { Queue } from "bullmq";
import type { EmailJob, ImageJob, ReportJob } from "./support.ts";
import { options, shownUrl, supervise } from "./support.ts";

const queueOptions = {
  ...options,
  defaultJobOptions: { removeOnComplete: { count: 200 }, removeOnFail: { count: 200 } },
};
const images = new Queue<ImageJob>("images", queueOptions);
const emails = new Queue<EmailJob>("emails", queueOptions);
const reports = new Queue<ReportJob>("reports", queueOptions);
const queues = [images, emails, reports];

const FILES = ["harbour.jpg", "team-photo.png", "invoice-scan.tiff", "drone-0042.jpg", "logo@2x.png"];
const PEOPLE = ["ada", "grace", "linus", "margaret", "alan", "radia"];
const SUBJECTS = ["Your order has shipped", "Confirm your address", "Monthly statement", "Welcome aboard"];
const REPORTS = ["Revenue by region", "Churn, week by week", "Stock below minimum", "Support response times"];

/** One job in this many fails for good. */
const FAIL_EVERY = 8;
const RETRYING = { attempts: 3, backoff: { type: "exponential", delay: 1000 } };

const addImage = (isDamaged: boolean) =>
  images.add("resize", { file: pick(FILES), width: pick([320, 640, 1280]), height: pick([240, 480, 720]), isDamaged });

const addEmail = (isUndeliverable: boolean) => {
  const to = `${pick(PEOPLE)}@example.com`;
  const failFirstAttempts = pick([0, 0, 1, 2]);
  return emails.add("send", { to, subject: pick(SUBJECTS), failFirstAttempts, isUndeliverable }, RETRYING);
};

const addReport = (isUnreadable: boolean) =>
  reports.add("write", { title: pick(REPORTS), rows: 500 + Math.floor(Math.random() * 9500), isUnreadable });

const adders = [addImage, addEmail, addEmail, addReport];
const stopping = new AbortController();

supervise("producer", queues, () => stopping.abort());
if (process.argv.includes("--once")) {
  console.log(`producer: adding one job to each of images, emails and reports at ${shownUrl()}`);
  await Promise.all([addImage(false), addEmail(false), addReport(false)]);
  await Promise.all(queues.map((queue) => queue.close()));
  process.exit(0);
}
console.log(`producer: adding about one job a second to images, emails and reports at ${shownUrl()}`);
for (let count = 1; !stopping.signal.aborted; count += 1) {
  // One at a time: while Redis is away nothing piles up here.
  await pick(adders)(count % FAIL_EVERY === 0);
  await sleep(700 + Math.random() * 600, undefined, { signal: stopping.signal }).catch(() => {});
}

function pick<T>(choices: readonly T[]): T {
  const choice = choices[Math.floor(Math.random() * choices.length)];
  if (choice === undefined) throw new RangeError("nothing to pick from");
  return choice;
}
