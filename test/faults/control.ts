/** What leaving costs on this machine at this moment: the same hops without a sidecar. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

export interface Control extends AsyncDisposable {
  /** Leaves, and tells the milliseconds until the far end was closed. */
  leave(): Promise<number>;
}

/** A client, a server far away, and between them a pipe that only lets the far one go when the client has gone. */
export async function startControl(): Promise<Control> {
  const gone = Promise.withResolvers<number>();
  const sockets: Socket[] = [];
  const far = await listening((socket) => void socket.on("close", () => gone.resolve(performance.now())));
  const near = await listening((socket) => {
    const onward = connect(far.port, "127.0.0.1");
    sockets.push(onward);
    socket.on("close", () => onward.destroy());
  });
  const client = connect(near.port, "127.0.0.1");
  sockets.push(client);
  await far.connected;
  return {
    async leave() {
      const leftAt = performance.now();
      client.destroy();
      return (await gone.promise) - leftAt;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await Promise.all([far, near].map(({ server }) => new Promise((done) => server.close(done))));
    },
  };
}

async function listening(onSocket: (socket: Socket) => void): Promise<{ server: Server; port: number; connected: Promise<void> }> {
  const connected = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    socket.on("error", () => {}).resume();
    onSocket(socket);
    connected.resolve();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return { server, port: (server.address() as AddressInfo).port, connected: connected.promise };
}
