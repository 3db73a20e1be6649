// A program that asks the RandomData service for a number and prints it, with @homebridge/dbus-native.
import { createRequire } from 'node:module';

const { sessionBus } = createRequire(import.meta.url)('@homebridge/dbus-native');
const bus = sessionBus({ busAddress: process.env.DBUS_SESSION_BUS_ADDRESS });
bus.invoke({
  destination: 'com.larry-price.test',
  path: '/com/larry_price/test/RandomData',
  interface: 'com.larry_price.test.RandomData',
  member: 'quick',
  signature: 'i',
  body: [16],
}, (error, number) => {
  if (error) throw new Error(error.message);
  console.log(`Your random number is: ${number}`);
  bus.connection.end();
});
