import { FlowProducer, Queue } from "bullmq";
import { FlowProducer as FlowProducer5, Queue as Queue5 } from "bullmq5";

/** Queue and flow producer of both majors; what the tests use of them is alike. */
export const MAJORS = [
  { bullmq: 6, QueueClass: Queue, FlowClass: FlowProducer },
  {
    bullmq: 5,
    QueueClass: Queue5 as unknown as typeof Queue,
    FlowClass: FlowProducer5 as unknown as typeof FlowProducer,
  },
] as const;
