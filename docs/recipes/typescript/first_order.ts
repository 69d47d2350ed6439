// Buy a little at the best price, and know what became of it: with nothing but the NATS client of your language.
import { connect } from "@nats-io/transport-node";
import { DeliverPolicy, JetStreamApiError, jetstream, type JetStreamClient } from "@nats-io/jetstream";
import { randomUUID } from "node:crypto";

// `venuebus schema` prints JSON Schema of every message, from which types like these can be generated.
interface Quote { type: "quote"; symbol: string; bid?: string; ask?: string; epoch: number; seq: number }
interface Result { type: "result"; command_id: string; status: "accepted" | "rejected" | "unknown"; reason?: string }

const server = process.env.VENUEBUS_SERVER ?? "nats://127.0.0.1:4222";
const root = "vb.v1";

const bus = await connect({ servers: server, maxReconnectAttempts: -1 });
const js = jetstream(bus);

// Market data: a plain subscription. Prices are texts and stay texts: a JavaScript number would round them.
const quotes = bus.subscribe(`${root}.md.btse.quote.BTC-USD`);
let best: string | undefined;
for await (const message of quotes) {
  best = message.json<Quote>().ask;
  if (best !== undefined) break;
}
console.log("best", best);

const id = `ts-${randomUUID().slice(0, 18)}`;
const body = JSON.stringify({
  type: "submit", command_id: id, symbol: "BTC-USD", side: "buy", order_type: "limit", quantity: "0.01", price: best,
});

console.log("stored", await store(js, `${root}.cmd.btse.main.submit.${id}`, body, id));
console.log("again", await store(js, `${root}.cmd.btse.main.submit.${id}`, body, id));

// Account events: from the stream, never by a plain subscription, which also shows what JetStream then refuses.
const results = await js.consumers.get("VB_ACCT", {
  filter_subjects: `${root}.acct.btse.main.result.${id}`,
  deliver_policy: DeliverPolicy.All,
});
for await (const message of await results.consume()) {
  const result = message.json<Result>();
  console.log(result.status, result.reason ?? "");
  if (result.status !== "unknown") break; // after unknown a second result follows
}
await bus.close();

// The stream takes one message per command subject, so the same command may be published until an answer comes.
async function store(js: JetStreamClient, subject: string, body: string, id: string): Promise<"new" | "known"> {
  for (let attempt = 1; ; attempt++) {
    try {
      const ack = await js.publish(subject, body, { msgID: id, expect: { lastSubjectSequence: 0 }, timeout: 2_000 });
      return ack.duplicate ? "known" : "new";
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === 10071) return "known"; // it is there already
      if (attempt === 3) throw error; // in doubt: ask for the result later, never send it under another id
    }
  }
}
