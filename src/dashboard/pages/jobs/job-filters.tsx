import type { QueueSummary } from "../../../protocol/queue-summary.ts";
import { bridgeStats } from "../../data/bridge-stats.ts";
import { formatShort } from "../../format.ts";
import { Button } from "../../parts/button.tsx";
import { SearchBox } from "../../parts/search-box.tsx";
import { Select } from "../../parts/select.tsx";
import { STATE_TONES } from "../../parts/state-badge.tsx";
import { setQuery } from "../../router.ts";
import { TEXTS } from "../../texts.ts";
import type { FilterState, JobFilter } from "./job-filter.ts";
import { FILTER_STATES, isUnfiltered } from "./job-filter.ts";

const { jobs: texts } = TEXTS;

/** What the table is narrowed by. Each change goes into the address, and from there to the table. */
export function JobFilters({ filter }: { filter: JobFilter }) {
  const queues = bridgeStats.latest.value?.queues ?? [];
  return (
    <search class="job-filters" aria-label={texts.filters}>
      <div class="job-filter-fields">
        <SearchBox label={texts.text} value={filter.text} onInput={(text) => setQuery({ text })} />
        <QueueSelect queue={filter.queue} queues={queues} />
        <input
          class="input job-filter-name"
          type="search"
          aria-label={texts.name}
          placeholder={texts.name}
          autocomplete="off"
          spellcheck={false}
          value={filter.name}
          onInput={(event) => setQuery({ name: event.currentTarget.value })}
        />
        <input
          class="input job-filter-id"
          type="search"
          aria-label={texts.id}
          placeholder={texts.id}
          autocomplete="off"
          spellcheck={false}
          value={filter.id}
          onInput={(event) => setQuery({ id: event.currentTarget.value })}
        />
      </div>
      <fieldset class="chips">
        <legend class="visually-hidden">{texts.states}</legend>
        {FILTER_STATES.map((state) => (
          <StateChip key={state} state={state} filter={filter} count={countOf(queues, filter.queue, state)} />
        ))}
        {!isUnfiltered(filter) && (
          <Button kind="quiet" icon="close" onClick={clearFilters}>
            {texts.clear}
          </Button>
        )}
      </fieldset>
    </search>
  );
}

/** Everything is let through but other queues. */
export function clearFilters(): void {
  setQuery({ state: null, name: null, id: null, text: null });
}

function QueueSelect({ queue, queues }: { queue: string | null; queues: readonly QueueSummary[] }) {
  // The one asked for may not be attached.
  const names = new Set([...queues.map((summary) => summary.queue), ...(queue === null ? [] : [queue])]);
  const options = [...names].sort().map((name) => ({ value: name, label: name }));
  return (
    <Select
      label={texts.queue}
      value={queue ?? ""}
      options={[{ value: "", label: texts.allQueues }, ...options]}
      onChange={(value) => setQuery({ queue: value || null })}
    />
  );
}

function StateChip({ state, filter, count }: { state: FilterState; filter: JobFilter; count: number | null }) {
  const isPressed = filter.states.includes(state);
  const toggle = () => {
    const states = FILTER_STATES.filter((other) => (other === state) !== filter.states.includes(other));
    setQuery({ state: states });
  };
  return (
    <button class="chip" type="button" aria-pressed={isPressed} data-tone={STATE_TONES[state]} onClick={toggle}>
      {TEXTS.parts.states[state]}
      {count !== null && <b data-empty={count === 0}>{formatShort(count)}</b>}
    </button>
  );
}

/** How many jobs Redis has in a state; null where that is not known of a queue. Jobs of a paused queue wait. */
function countOf(queues: readonly QueueSummary[], queue: string | null, state: FilterState): number | null {
  let sum = 0;
  for (const summary of queues) {
    if (queue !== null && summary.queue !== queue) continue;
    if (!summary.counts) return null;
    sum += summary.counts[state] + (state === "waiting" ? summary.counts.paused : 0);
  }
  return queues.length === 0 ? null : sum;
}
