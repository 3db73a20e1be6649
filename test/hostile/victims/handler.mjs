// A program under attack that handles all method calls itself, so that it takes bodies of any type; it answers with the
// number of arguments. Arguments: an address; `bus` or `peer`; the options of the connection as JSON.
import { connectToBus, openConnection } from '../../../dist/index.js';
import { methodReturn } from '../../../dist/wire/index.js';
import { serveCommands } from './commands.mjs';

const [address, kind, options = '{}'] = process.argv.slice(2);
const link = await (kind === 'bus' ? connectToBus : openConnection)(address, JSON.parse(options));
link.handleMethodCalls((call) => {
  link.send(methodReturn(call, { signature: 'u', body: [call.body.length] }));
});
if (kind === 'bus') await link.requestName('com.example.Victim');
serveCommands({}, link, `ready ${link.uniqueName ?? ''}`);
