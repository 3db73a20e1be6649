// An error that nothing handles ends a program with its sentence, without a stack. The other programs import this file.
process.on('uncaughtException', (error) => {
  if ('code' in error && error.code === 'EPIPE') process.exit(); // nobody reads the output anymore, as after `| head -1`
  console.error(error.message);
  process.exit(1);
});
