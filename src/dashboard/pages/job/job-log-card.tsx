import { useMemo, useState } from "preact/hooks";
import { Button } from "../../parts/button.tsx";
import { CopyButton } from "../../parts/copy-button.tsx";
import { SearchBox } from "../../parts/search-box.tsx";
import { Select } from "../../parts/select.tsx";
import { query, setQuery } from "../../router.ts";
import { TEXTS } from "../../texts.ts";
import type { JobLog } from "./job-log.ts";
import type { LogLevel } from "./log-line.ts";
import { formatLine, LOG_LEVELS } from "./log-line.ts";
import { LogPane, wordsOf } from "./log-pane.tsx";
import { LogRows, readLogFilter } from "./log-rows.ts";

const { log: texts } = TEXTS.job;

interface JobLogCardProps {
  queue: string;
  id: string;
  log: JobLog;
  /** The log's own, as that is changed in place: without it nothing would seem to have changed. */
  version: number;
  isFinished: boolean;
}

/** The log, live: what of it is shown is in the address. */
export function JobLogCard({ queue, id, log, isFinished }: JobLogCardProps) {
  const filter = readLogFilter(query.value);
  const rows = useMemo(() => new LogRows(log), [log]);
  const [isFollowing, setIsFollowing] = useState(true);
  const text = () => rows.lines.map((line) => formatLine(line, wordsOf)).join("\n");
  const levels = LOG_LEVELS.slice(1).map((level) => ({ value: level as LogLevel | "", label: texts.andAbove(level) }));
  return (
    <section class="card flush log-card" aria-label={texts.title}>
      <header class="card-head log-head">
        <h2>{texts.title}</h2>
        <SearchBox label={texts.search} value={filter.search} onInput={(search) => setQuery({ search })} />
        <Select
          label={texts.level}
          value={filter.level ?? ""}
          options={[{ value: "", label: texts.allLevels }, ...levels]}
          onChange={(level) => setQuery({ level: level || null })}
        />
        <Button
          icon={isFollowing ? "pause" : "play"}
          title={isFollowing ? texts.pauseHint : texts.followHint}
          onClick={() => setIsFollowing(!isFollowing)}
        >
          {isFollowing ? texts.pause : texts.follow}
        </Button>
        <CopyButton text={text} hint={texts.copy} />
        <Button
          kind="quiet"
          icon="download"
          label={texts.download}
          onClick={() => download(`${queue}-${id}.log`, text())}
        />
      </header>
      <LogPane
        log={log}
        rows={rows}
        filter={filter}
        isFollowing={isFollowing}
        onFollow={setIsFollowing}
        emptyText={isFinished ? texts.emptyEnded : texts.empty}
      />
    </section>
  );
}

function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text, "\n"], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name.replace(/[^\w.-]+/g, "_");
  link.click();
  // Not at once: some browsers only begin to read it now.
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
