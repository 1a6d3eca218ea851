import { useMemo } from "preact/hooks";
import type { ClientReport } from "../../../protocol/admin.ts";
import { parseTopic } from "../../../protocol/topic.ts";
import { connection } from "../../connection.ts";
import { formatBytes, formatCount, formatDuration, NONE } from "../../format.ts";
import { Badge } from "../../parts/badge.tsx";
import { Button } from "../../parts/button.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Link } from "../../parts/link.tsx";
import { RelativeTime } from "../../parts/relative-time.tsx";
import type { Sorting } from "../../parts/sort-header.tsx";
import { SortHeader } from "../../parts/sort-header.tsx";
import { TableScroll } from "../../parts/table-scroll.tsx";
import { jobPath } from "../../router.ts";
import { session } from "../../session.ts";
import { TEXTS } from "../../texts.ts";
import type { ClientColumn } from "./client-table.ts";
import { CLIENT_COLUMNS } from "./client-table.ts";

/** Topics of a client that are named; the others are counted. */
const MAX_TOPICS = 2;
const NUMBERS: ReadonlySet<ClientColumn> = new Set(["rtt", "outbox", "lag", "dropped", "conflated"]);
const HINTS: Partial<Record<ClientColumn, string>> = TEXTS.clients.columnHints;

interface ClientTableProps {
  clients: readonly ClientReport[];
  sorting: Sorting<ClientColumn>;
  onSort: (sorting: Sorting<ClientColumn>) => void;
  /** Null where the bridge takes no orders. */
  onDisconnect: ((client: ClientReport) => void) | null;
}

export function ClientTable({ clients, sorting, onSort, onDisconnect }: ClientTableProps) {
  return (
    <TableScroll label={TEXTS.clients.title}>
      <table class="table clients">
        <thead>
          <tr>
            {CLIENT_COLUMNS.map((column) => (
              <SortHeader
                key={column}
                column={column}
                label={TEXTS.clients.columns[column]}
                hint={HINTS[column]}
                sorting={sorting}
                isNumber={NUMBERS.has(column)}
                onSort={onSort}
              />
            ))}
            <th scope="col">
              <span class="visually-hidden">{TEXTS.clients.actions}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {clients.map((client) => (
            <Row key={client.client_id} client={client} onDisconnect={onDisconnect} />
          ))}
        </tbody>
      </table>
    </TableScroll>
  );
}

function Row({ client, onDisconnect }: { client: ClientReport; onDisconnect: ClientTableProps["onDisconnect"] }) {
  const isOwn = connection.clientId.value === client.client_id;
  // A report is never changed, only replaced: rows whose clients did nothing cost nothing.
  return useMemo(() => drawRow(client, isOwn, onDisconnect), [client, isOwn, onDisconnect]);
}

function drawRow(client: ClientReport, isOwn: boolean, onDisconnect: ClientTableProps["onDisconnect"]) {
  const { client_id: id, principal, remote_address: address, outbox } = client;
  const texts = TEXTS.clients;
  // Without a token everybody on the bridge's own machine is one, which says nothing of anybody.
  const isMarked = client.is_admin && !isOwn && session.about?.needs_token === true;
  const since = <RelativeTime time={client.connected_at} />;
  return (
    <tr>
      <th scope="row">
        <span class="client-name">
          <span class="mono truncate" title={id}>
            {id}
          </span>
          {isOwn && <Badge tone="accent">{texts.own}</Badge>}
          {isMarked && <Badge>{texts.admin}</Badge>}
        </span>
        {/* Where the columns of these have no room. */}
        <span class="client-facts">
          {principal !== null && <span>{principal}</span>}
          {address !== null && <span>{address}</span>}
          {since}
          <span>{topicsInWords(client.topics)}</span>
          {client.lag_ms > 0 && <span>{texts.lags(formatDuration(client.lag_ms))}</span>}
        </span>
      </th>
      <td>
        <span class="truncate" title={principal ?? undefined}>
          {principal ?? NONE}
        </span>
      </td>
      <td>
        <span class="truncate" title={address ?? undefined}>
          {address ?? NONE}
        </span>
      </td>
      <td>{since}</td>
      <td>
        <Topics topics={client.topics} />
      </td>
      <td class="number">{client.rtt_ms === null ? NONE : formatDuration(client.rtt_ms)}</td>
      <td class="number">
        {formatCount(outbox.messages)}
        {outbox.messages > 0 && <span class="muted"> · {formatBytes(outbox.bytes)}</span>}
      </td>
      <td class="number">{client.lag_ms === 0 ? NONE : formatDuration(client.lag_ms)}</td>
      <td class="number">{formatCount(client.dropped)}</td>
      <td class="number">{formatCount(client.conflated)}</td>
      <td>
        <span class="client-actions">
          {onDisconnect && (
            <>
              <Link
                to={`messages?client=${encodeURIComponent(id)}`}
                class="button quiet only-icon"
                aria-label={texts.message(id)}
                title={texts.message(id)}
              >
                <Icon name="send" />
              </Link>
              <Button kind="quiet" icon="close" label={texts.disconnect(id)} onClick={() => onDisconnect(client)} />
            </>
          )}
        </span>
      </td>
    </tr>
  );
}

function Topics({ topics }: { topics: readonly string[] }) {
  if (topics.length === 0) return <>{NONE}</>;
  const rest = topics.slice(MAX_TOPICS);
  return (
    <span class="topics">
      {topics.slice(0, MAX_TOPICS).map((topic) => (
        <Topic key={topic} topic={topic} />
      ))}
      {rest.length > 0 && <span title={rest.slice(0, 50).join("\n")}>{TEXTS.clients.moreTopics(rest.length)}</span>}
    </span>
  );
}

function topicsInWords(topics: readonly string[]): string {
  const [first = NONE, ...rest] = topics;
  return rest.length === 0 ? first : `${first} ${TEXTS.clients.moreTopics(rest.length)}`;
}

/** A topic leads to what it is about. */
function Topic({ topic }: { topic: string }) {
  const parsed = parseTopic(topic);
  if (parsed?.kind === "job") {
    return (
      <Link to={jobPath(parsed.queue, parsed.id)} class="topic" title={topic}>
        {topic}
      </Link>
    );
  }
  if (parsed?.kind === "queue") {
    return (
      <Link to={`jobs?queue=${encodeURIComponent(parsed.queue)}`} class="topic" title={topic}>
        {topic}
      </Link>
    );
  }
  return (
    <span class="topic" title={topic}>
      {topic}
    </span>
  );
}
