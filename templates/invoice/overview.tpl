<p><?if customers?><a href="/invoice/new">New invoice</a><?else?>Invoices need somebody to send them to.<?end?></p>
<table>
<thead><tr><th scope="col">Number</th><th scope="col">Date</th><th scope="col">Customer</th><th scope="col">Status</th>
<th scope="col">Total</th><th scope="col">File</th></tr></thead>
<tbody>
<?for invoice in invoices?>
<tr><th scope="row"><a href="/invoice/{invoice.invoice}">{invoice.invoice}</a></th><td>{invoice.date}</td>
<td dir="auto">{invoice.name}</td><td>{invoice.status}</td><td>{invoice.total}</td>
<td><?if invoice.filename?><a href="/invoice/{invoice.invoice}/file">{invoice.filename}</a><?end?></td></tr>
<?else?>
<tr><td colspan="6">There are none yet.</td></tr>
<?end?>
</tbody>
</table>
<h2>Customers</h2>
<p><a href="/customer/new">New customer</a></p>
<ul>
<?for customer in customers?><li><a href="/customer/{customer.customer}" dir="auto">{customer.name}</a></li><?end?>
</ul>
