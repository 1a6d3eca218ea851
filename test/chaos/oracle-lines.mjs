// The lines of stock job.log(): complete, in order, each once and before the end, or their absence was told.

export function judgeLines({ jobs, bridgeStarts }, story, { jobs: owed }, find) {
  const byKey = new Map();
  for (const line of story.lines) {
    if (!byKey.has(line.key)) byKey.set(line.key, []);
    byKey.get(line.key).push(line);
  }
  const known = new Map(jobs.map((job) => [`${job.queue}:${job.id}`, job]));
  for (const [key, lines] of byKey) {
    const job = known.get(key);
    if (job) judgeShown(job, lines, story, bridgeStarts, find);
  }
  for (const job of owed) {
    // With keepLogs the numbers of the lines shift, and old ones go; nobody can say which were there.
    if (job.lines.length > 0 && job.keepLogs === null)
      judgeComplete(job, byKey.get(`${job.queue}:${job.id}`) ?? [], story, find);
  }
}

function judgeComplete({ queue, id, lines, at }, shown, story, find) {
  const key = `${queue}:${id}`;
  const seen = new Set(shown.map(({ line }) => line));
  const missing = lines.flatMap((_, line) => (seen.has(line) ? [] : [line]));
  if (missing.length === 0) return;
  const isTold =
    story.marks.some((mark) => mark.key === key) ||
    story.gaps.some((gap) => gap.queue === queue && gap.at >= at) ||
    story.snapshots.some((snapshot) => snapshot.key === key && snapshot.content.logs_truncated);
  if (isTold) return;
  find("lost-line", {
    queue,
    job: id,
    at,
    expected: `${lines.length} lines of job.log()`,
    came: `without ${missing.length === lines.length ? "any" : missing.join(", ")}, and no mark or gap`,
  });
}

function judgeShown({ queue, id, keepLogs, lines, end }, shown, story, bridgeStarts, find) {
  const place = { queue, job: id };
  const newestOf = new Map();
  let newest = -1;
  for (const item of shown) {
    const { line, text, at, index, isLate, isOfSnapshot } = item;
    if (keepLogs === null && lines[line]?.text !== text) {
      find("line-content", { ...place, at, expected: `line ${line}: ${lines[line]?.text ?? "none"}`, came: text });
    }
    if (isOfSnapshot) {
      // What a snapshot held is not told again, but what was told may stand in a snapshot.
      newestOf.set(line, item);
      continue;
    }
    const former = newestOf.get(line);
    const isResent = former && mayComeAgain(former, item, bridgeStarts);
    if (former && !isResent) {
      find("duplicate-line", {
        ...place,
        at,
        expected: `line ${line} once`,
        came: `again, ${at - former.at} ms after`,
      });
    }
    newestOf.set(line, item);
    if (former) continue;
    if (line < newest)
      find("line-order", { ...place, at, expected: `line ${line} before ${newest}`, came: "after it" });
    newest = Math.max(newest, line);
    const endedIn =
      end && (story.states.get(`${queue}:${id}`) ?? []).find((state) => /^task_(success|failed)$/.test(state.type));
    if (endedIn && endedIn.index < index && !isLate && (lines[line]?.order ?? 0) < end.order) {
      find("line-order", {
        ...place,
        at,
        expected: `line ${line} before the end`,
        came: `${at - endedIn.at} ms after it`,
      });
    }
  }
}

/**
 * A line has no cursor. So it comes again when the bridge was started in between, and when a viewer resumes from a
 * position that was its own before it got the line, be it by a snapshot.
 */
function mayComeAgain(former, again, bridgeStarts) {
  if (bridgeStarts.some((startedAt) => startedAt >= former.at && startedAt <= again.at)) return true;
  if (again.connection <= former.connection) return false;
  return former.isOfSnapshot || again.resumedFrom === former.stand;
}
