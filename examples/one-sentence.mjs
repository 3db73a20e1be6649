// An error that nothing handles ends a program with its sentence, without a stack. The other programs import this file.
process.on('uncaughtException', (error) => {
  console.error(error.message);
  process.exit(1);
});
