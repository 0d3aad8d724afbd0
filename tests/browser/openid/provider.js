// A provider by the npm package oidc-provider, on loopback: `node provider.js`, with
// CLIENT_ID, CLIENT_SECRET and MODULES, the folder that has the package.
//
// It prints its address, then reads one line: the address of the app, whose two URLs it
// registers. Whoever logs in is the address that they type; one that begins with
// "unverified" is not verified.

import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const { CLIENT_ID, CLIENT_SECRET, MODULES } = process.env;
const { default: Provider } = await import(`${MODULES}/oidc-provider/lib/index.js`);

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  createInterface({ input: process.stdin }).once('line', (app) => {
    const provider = new Provider(issuer, {
      clients: [
        {
          client_id: CLIENT_ID,
          client_secret: CLIENT_SECRET,
          redirect_uris: [`${app}_ah/login/callback`],
          post_logout_redirect_uris: [`${app}_ah/logout/done`],
        },
      ],
      claims: { openid: ['sub'], email: ['email', 'email_verified'] },
      cookies: { keys: ['only for tests'] },
      findAccount: (context, email) => ({
        accountId: email,
        claims: () => ({
          sub: email,
          email: email.replace('unverified-', ''),
          email_verified: !email.startsWith('unverified-'),
        }),
      }),
    });
    server.on('request', provider.callback());
    console.log('ready');
  });
  console.log(`listening at ${issuer}`);
});
