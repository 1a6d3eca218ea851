import type { JobView } from "../client/job-view.ts";
import { JobPanel } from "./job-panel.ts";
import { makeElement } from "./make-element.ts";
import type { PageConnection } from "./page-connection.ts";

/** Makes the class of `<bullcast-job queue="<name>" id="<job id>">`, which shows a job live for as long as it is there. */
export function makeJobElement(connection: PageConnection): CustomElementConstructor {
  return class extends HTMLElement {
    static readonly observedAttributes = ["queue", "id"];
    #stop: (() => void) | null = null;

    connectedCallback(): void {
      // Its attributes may come one by one.
      if (this.#stop || !this.getAttribute("queue") || !this.id) return;
      try {
        this.#stop = this.#watch();
      } catch {
        // The attributes name no job.
        this.#refused();
      }
    }

    disconnectedCallback(): void {
      this.#stop?.();
      this.#stop = null;
    }

    attributeChangedCallback(_name: string, before: string | null, after: string | null): void {
      if (before === after) return;
      // At its upgrade it is told of what it has already.
      if (before !== null) this.disconnectedCallback();
      if (this.isConnected) this.connectedCallback();
    }

    #watch(): () => void {
      const panel = new JobPanel();
      let job: JobView | null = null;
      let isDue = false;
      const draw = () => {
        isDue = false;
        if (this.#stop !== stop || !job) return;
        if (!panel.element.isConnected) this.replaceChildren(panel.element);
        panel.show(job);
      };
      const stop = connection.watchJob(this.getAttribute("queue") ?? "", this.id, (changed) => {
        if (!changed) return this.#refused();
        job = changed;
        // However many messages come, it is drawn once for each picture the screen shows.
        if (!isDue) requestAnimationFrame(draw);
        isDue = true;
      });
      return stop;
    }

    #refused(): void {
      this.disconnectedCallback();
      this.replaceChildren(makeElement("p", "bullcast-expired", "This job cannot be shown."));
    }
  };
}
