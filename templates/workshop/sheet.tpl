<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Job {job.job}</title>
<link rel="stylesheet" href="/.kali/kali.css">
<script src="/.kali/kali.js" defer></script>
</head>
<body>
<main>
<p class="buttons"><a class="button secondary" href="/table/job/{job.job}">Back</a></p>
<h1>Job {job.job}: {job.make} {job.model}</h1>
<dl>
<dt>Customer</dt><dd>{job.name}, {job.street}, {job.city}</dd>
<dt>Phone</dt><dd>{job.phone}</dd>
<dt>Frame number</dt><dd>{job.frame_no}, {job.colour}</dd>
<dt>Received</dt><dd>{job.received:date}</dd>
<?if job.promised?><dt>Promised for</dt><dd>{job.promised:date}</dd><?end?>
<?if job.key_no?><dt>Key of the battery</dt><dd>{job.key_no}</dd><?end?>
<?if job.notes?><dt>What is wrong</dt><dd>{job.notes}</dd><?end?>
</dl>
<table>
<thead><tr><th>Work and parts</th><th class="number">Quantity</th><th class="number">Price</th><th class="number">Total</th></tr></thead>
<tbody>
<?for line in lines?><tr><td>{line.what}</td><td class="number">{line.quantity:num}</td><td class="number">{line.price:money}</td><td class="number">{line.total:money}</td></tr>
<?else?><tr><td colspan="4">Nothing yet.</td></tr>
<?end?></tbody>
<tfoot><tr><th scope="row" colspan="3">Total</th><td class="number">{total:money}</td></tr></tfoot>
</table>
<p>Done as described, and paid:</p>
<hr>
<p><small>Date and signature</small></p>
</main>
</body>
</html>
